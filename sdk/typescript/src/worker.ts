// SPDX-License-Identifier: Apache-2.0
// Runs that wait for a worker, and signals to runs.

import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { Closed, Fenced, isFinal, Unavailable, Unreachable } from "./errors.js";
import { Governor, Place } from "./governor.js";
import { Run } from "./run.js";
import { ask, pause } from "./talk.js";

const claimHoldMs = 10_000; // also how long a worker that was told to stop may take to notice

export interface EnqueueOptions {
  /** With an id of your own, enqueueing it twice is once. */
  id?: string;
  /** 0 to 9. */
  priority?: number;
  /** Milliseconds since 1970. */
  notBeforeMs?: number;
  triesMax?: number;
  governor?: Governor;
}

/** Puts a run into a queue and returns its id, which is made here, so that asking again after a lost answer enqueues
 *  nothing twice. */
export async function enqueue(queue: string, input?: unknown, options: EnqueueOptions = {}): Promise<string> {
  const { id, priority = 5, notBeforeMs, triesMax = 5, governor = new Governor() } = options;
  const answer = await ask(governor, "/api/runs", {
    id: id ?? `${queue.slice(0, 24)}-${randomUUID().replaceAll("-", "")}`,
    queue, input, priority, not_before_ms: notBeforeMs, tries_max: triesMax,
  });
  return (answer.document as { run: string }).run;
}

/** Sends a value to a run; it is kept until the run waits for it. Each call is a signal of its own, so one whose answer was
 *  lost is not sent again by itself: Unreachable. */
export async function signal(run: string, name: string, value?: unknown, governor = new Governor()): Promise<void> {
  const path = `/api/runs/${encodeURIComponent(run).replaceAll("%3A", ":")}/signals/${encodeURIComponent(name)}`;
  await ask(governor, path, value, { repeats: false });
}

export interface WorkerOptions {
  /** Runs at a time; 1. */
  concurrency?: number;
  leaseMs?: number;
  /** Claims no more once it is aborted. */
  stop?: AbortSignal;
  /** What is told of runs that fail or are lost; console.error. */
  log?: (message: string, why: unknown) => void;
  governor?: Governor;
}

interface Claim {
  run: string;
  try: number;
  input?: unknown;
  lease_ms?: number;
}

/** Claims runs of `queue` until `stop` and calls `fn(run)` for each. What it returns is the run's result. When it throws, the run
 *  goes back to the queue with a growing pause; `Final`, or a step's recorded failure, fails it for good. Resolves
 *  when all its runs have ended. */
export async function worker(queue: string, fn: (run: Run) => Promise<unknown>, options: WorkerOptions = {}): Promise<void> {
  const { concurrency = 1, leaseMs = 30_000, log = (message, why) => console.error(message, why) } = options;
  const governor = options.governor ?? new Governor();
  const halt = new AbortController();
  const stopped = () => options.stop?.aborted || halt.signal.aborted;
  const wake = options.stop ?? halt.signal;
  const name = `${hostname()}:${process.pid}`;
  const serve = async () => {
    while (!stopped()) {
      const claim = await claimed(governor, queue, { worker: name, lease_ms: leaseMs }, wake);
      if (claim) await make(governor, queue, { lease_ms: leaseMs, ...claim }, fn, log);
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: concurrency }, async () => {
    try {
      await serve();
    } finally {
      halt.abort(); // one's end is the worker's: it is not to limp
    }
  }));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

/** undefined when there was nothing for a while. A claim whose answer is lost runs out by itself. */
async function claimed(governor: Governor, queue: string, body: object, wake: AbortSignal): Promise<Claim | undefined> {
  const holdMs = Math.min(governor.holdMs, claimHoldMs);
  const path = `/api/queues/${encodeURIComponent(queue)}/claim`;
  try {
    const answer = await ask(governor.with(governor.pauseMaxMs), path, body, { holdMs, wake });
    return answer.status === 204 ? undefined : (answer.document as Claim);
  } catch (why) {
    if (why instanceof Unreachable || why instanceof Unavailable) return undefined; // a worker outlives its Governor
    throw why;
  }
}

async function make(governor: Governor, queue: string, claim: Claim & { lease_ms: number },
                    fn: (run: Run) => Promise<unknown>, log: (message: string, why: unknown) => void): Promise<void> {
  const lost = new AbortController();
  const ended = new AbortController();
  const run = new Run(new Place(governor, claim.run, claim.try), claim.input, lost.signal);
  const keeping = keep(governor, queue, claim, ended.signal, lost, log);
  try {
    const result = await fn(run);
    if (!run.ended) await run.end(result);
  } catch (why) {
    log(`run ${run.id}, try ${run.try}`, why);
    if (!run.ended && !lost.signal.aborted && !(why instanceof Fenced) && !(why instanceof Closed)) {
      // When even this cannot be said, the lease runs out and the run is claimed again.
      await run.fail(why, { retry: !isFinal(why) }).catch((more) => log(`the end of run ${run.id}`, more));
    }
  } finally {
    ended.abort();
    await keeping;
  }
}

/** Heartbeats at a third of the lease until the run has ended or is lost. */
async function keep(governor: Governor, queue: string, claim: Claim & { lease_ms: number }, ended: AbortSignal,
                    lost: AbortController, log: (message: string, why: unknown) => void): Promise<void> {
  const beat = claim.lease_ms / 3;
  const path = `/api/queues/${encodeURIComponent(queue)}/heartbeat`;
  for (;;) {
    await pause(beat, ended);
    if (ended.aborted) return;
    try {
      await ask(governor.with(beat), path, { run: claim.run, try: claim.try }, { wake: ended });
    } catch (why) {
      if (why instanceof Fenced || why instanceof Closed) return lost.abort();
      log(`heartbeat of run ${claim.run}`, why);
    }
  }
}

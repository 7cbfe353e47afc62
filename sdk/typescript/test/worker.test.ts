// SPDX-License-Identifier: Apache-2.0
// Workers against a Governor in memory.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import * as aire from "../src/index.js";
import { Fake, until } from "./fake.js";

let fake: Fake;
let queue = "";
let queues = 0;
before(async () => void (fake = await Fake.start()));
after(() => fake.stop());
beforeEach(async () => {
  await fake.faults();
  queue = `q${++queues}`;
});

const enqueue = (input: unknown, more: aire.EnqueueOptions = {}) =>
  aire.enqueue(queue, input, { governor: fake.governor(), ...more });
const mine = async () => Object.entries((await fake.state()).runs).filter(([id]) => id.startsWith(queue + "-"));

/** Lets a worker work until all runs of the queue are in `state`, then stops it and waits for it. */
async function work(fn: (run: aire.Run) => Promise<unknown>, state: string, more: aire.WorkerOptions = {}): Promise<void> {
  const stop = new AbortController();
  const working = aire.worker(queue, fn, { stop: stop.signal, governor: fake.governor(), log: () => {}, ...more });
  await until(async () => (await mine()).every(([, run]) => run.state === state));
  stop.abort();
  await working;
}

test("each run is made and its result told", async () => {
  for (const n of [0, 1, 2]) await enqueue(n);
  await work(async (run) => (run.input as number) * 2, "done");
  assert.deepEqual((await mine()).map(([, run]) => run.outcome), [0, 2, 4].map((result) => ({ result })));
});

test("several at a time", async () => {
  for (const n of [0, 1, 2]) await enqueue(n);
  let inside = 0;
  await work(async () => {
    inside++;
    await until(() => inside === 3);
  }, "done", { concurrency: 3 });
});

test("a run that throws goes back", async () => {
  await enqueue(0);
  const tries: number[] = [];
  await work(async (run) => {
    tries.push(run.try);
    if (run.try < 3) throw new Error("not yet");
  }, "done");
  assert.deepEqual(tries, [1, 2, 3]);
});

test("after its last try it is dead", async () => {
  await enqueue(0, { triesMax: 2 });
  await work(async () => { throw new Error("never"); }, "dead");
});

test("a final failure does not go back", async () => {
  await enqueue(0);
  await work(async () => { throw new aire.Final("no such order"); }, "failed");
  assert.equal((await mine())[0]![1].outcome!.error!.message, "no such order");
});

test("heartbeats keep a run that takes longer than its lease", async () => {
  await enqueue(0);
  const tries: number[] = [];
  await work(async (run) => {
    tries.push(run.try);
    await until(async () => (await fake.state()).calls.filter((path) => path === `/api/queues/${queue}/heartbeat`).length >= 3);
  }, "done", { leaseMs: 150 });
  assert.deepEqual(tries, [1]);
});

test("a run that was lost is told so and does not end it", async () => {
  const id = await enqueue(0);
  await work(async (run) => {
    if (run.try > 1) return "second";
    const other = aire.open(id, { try: 2, governor: fake.governor() }); // somebody else goes on with it
    await other.step("a", () => 1);
    if (!run.lost.aborted) await new Promise((resolve) => run.lost.addEventListener("abort", resolve));
    await assert.rejects(run.step("b", () => 1), aire.Fenced);
    await other.end("other");
    return "first";
  }, "done", { leaseMs: 150 });
  assert.deepEqual((await mine())[0]![1].outcome, { result: "other" });
});

test("a worker outlives a Governor that is away", async () => {
  await enqueue("late");
  await fake.faults("refuse", { status: 503, code: "journal_unavailable" }, "drop", "refuse");
  await work(async () => 1, "done", { leaseMs: 300 });
});

test("a worker without a right to the queue ends", async () => {
  await fake.faults({ status: 403, code: "forbidden" });
  await assert.rejects(aire.worker(queue, async () => 1, { governor: fake.governor() }), aire.Refused);
});

test("enqueueing twice is once", async () => {
  await fake.faults("drop");
  await enqueue(1);
  for (const n of [2, 2]) await enqueue(n, { id: `${queue}-mine` });
  assert.equal((await mine()).length, 2);
  await assert.rejects(enqueue(3, { id: `${queue}-mine` }), aire.Refused);
});

// SPDX-License-Identifier: Apache-2.0
// A durable run.

import { randomUUID } from "node:crypto";
import { Final, isFinal } from "./errors.js";
import { type Governor, type Place, place } from "./governor.js";
import { type Effect, kept, type Step, Steps } from "./steps.js";

export interface StepOptions {
  /** What happens when the agent dies within: `read`, `idempotent` (default) and `keyed` are made again, `unsafe` is in
   *  doubt until a person decides. */
  effect?: Effect;
  /** Tells steps of one name apart. */
  input?: unknown;
}

/** What a reviewer answered. `edit` is what they put in the place of what was asked for. */
export interface Decision {
  decision: "approve" | "reject" | "edit";
  approved: boolean;
  by: string;
  reason?: string;
  edit?: unknown;
}

export class Run {
  private readonly steps: Steps;
  private over = false;

  constructor(
    readonly place: Place,
    /** What the run was enqueued with. */
    readonly input: unknown = undefined,
    /** Aborted when a worker has lost the run to another try. */
    readonly lost: AbortSignal = new AbortController().signal,
  ) {
    this.steps = new Steps(place);
  }

  get id(): string {
    return this.place.id;
  }

  get try(): number {
    return this.place.attempt;
  }

  get ended(): boolean {
    return this.over;
  }

  get openaiBaseUrl(): string {
    return this.place.url + "/v1";
  }

  /** For @anthropic-ai/sdk; Vercel's provider wants `/v1` behind it. */
  get anthropicBaseUrl(): string {
    return this.place.url;
  }

  /** For clients of models, which insist on one. */
  get apiKey(): string {
    return this.place.governor.key ?? "unused";
  }

  toolUrl(tool: string): string {
    return `${this.place.url}/tools/${tool}`;
  }

  /** Runs `fn` once for all tries and returns its result, as JSON brings it back. `fn` is given the step, for its
   *  idempotency key. Steps may run at once; equal ones are told apart by the order in which they begin. */
  async step<T>(name: string, fn: (step: Step) => T | Promise<T>, options: StepOptions = {}): Promise<T> {
    const begun = await this.steps.begin(name, options.effect ?? "idempotent", options.input);
    if ("recorded" in begun) return begun.recorded as T;
    let value: T;
    try {
      value = kept(await fn(begun));
    } catch (why) {
      return this.steps.failed(begun, why);
    }
    await this.steps.done(begun, value);
    return value;
  }

  /** Until `ms` after the first try came here. */
  sleep(ms: number, name?: string): Promise<void> {
    return this.steps.sleep(ms, name);
  }

  /** The next value of the signal; throws TimedOut. */
  async wait<T = unknown>(signal: string, options: { timeoutMs?: number } = {}): Promise<T> {
    return (await this.steps.wait(signal, options.timeoutMs)) as T;
  }

  /** Asks a person; throws TimedOut. */
  async approval(question: string, options: { details?: unknown; timeoutMs?: number } = {}): Promise<Decision> {
    const told = (await this.steps.approval(question, options.details, options.timeoutMs)) as Decision;
    return { ...told, approved: told.decision !== "reject" };
  }

  /** The id of a run below this one, the same in every try; with a queue, a worker takes it. */
  child(name: string, options: { input?: unknown; queue?: string } = {}): Promise<string> {
    return this.steps.child(name, options.input, options.queue);
  }

  /** The result of another run, once it has ended; throws ChildFailed. */
  async join<T = unknown>(run: string): Promise<T> {
    return (await this.steps.join(run)) as T;
  }

  /** Milliseconds since 1970: the same in every try. */
  now(): Promise<number> {
    return this.step("now", () => Date.now(), { effect: "read" });
  }

  /** From 0 to 1: the same in every try. */
  random(): Promise<number> {
    return this.step("random", () => Math.random(), { effect: "read" });
  }

  uuid(): Promise<string> {
    return this.step("uuid", () => randomUUID(), { effect: "read" });
  }

  async end(result?: unknown): Promise<void> {
    await this.steps.end(result);
    this.over = true;
  }

  /** The run has failed; with `retry` and a queue it is tried again later. */
  async fail(why: unknown, options: { retry?: boolean } = {}): Promise<void> {
    await this.steps.fail(typeof why === "string" ? new Final(why) : why, options.retry ?? false);
    this.over = true;
  }
}

export interface RunOptions {
  /** AIRE_TRY where it is not given. */
  try?: number;
  governor?: Governor;
}

/** A run of which nothing is asked yet; who opens it ends it. Without an id: AIRE_RUN. */
export function open(id?: string, options: RunOptions = {}): Run {
  return new Run(place(id, options.try, options.governor));
}

/** Does `fn` as a run that ends with what it returns. When it throws `Final`, or a recorded failure of a step, the run has
 *  failed for good; anything else leaves it as it is: the next try goes on. */
export async function run<T>(id: string | undefined, fn: (run: Run) => Promise<T>, options: RunOptions = {}): Promise<T> {
  const opened = open(id, options);
  try {
    const value = await fn(opened);
    if (!opened.ended) await opened.end(value);
    return value;
  } catch (why) {
    if (!opened.ended && isFinal(why)) await opened.fail(why);
    throw why;
  }
}

// SPDX-License-Identifier: Apache-2.0
// The steps of one try as the Governor knows them: their names, and what its answers mean.

import { createHash } from "node:crypto";
import { AireError, ChildFailed, type Failure, failureOf, isFinal, NothingDone, StepFailed, TimedOut } from "./errors.js";
import type { Place } from "./governor.js";
import { ask } from "./talk.js";

export type Effect = "read" | "idempotent" | "keyed" | "unsafe";
const effects = ["read", "idempotent", "keyed", "unsafe"];
const labelMax = 80; // x-aire-step holds 128; this leaves room for kind, digest and place

/** A step that is to be made now, as its function sees it. */
export interface Step {
  readonly number: number;
  readonly name: string;
  /** The idempotency key: the same in every try. What the step calls should be given it. */
  readonly key: string;
  readonly effect: Effect;
}

interface Told {
  step?: number;
  state?: string;
  key?: string;
  result?: unknown;
  error?: Failure;
}

/** Names each step by kind, name, input and its place among equals of this try, so that it is known again in the next
 *  try, and also when an answer was lost and the same call is made once more. */
export class Steps {
  private readonly seen = new Map<string, number>();

  constructor(readonly place: Place) {}

  private key(kind: string, name: string, given?: unknown): string {
    let label = encodeURIComponent(Buffer.from(name).toString()); // a lone surrogate has no other encoding
    if (label.length > labelMax) label = label.slice(0, labelMax - 13).replace(/%[^%]*$/, "") + "~" + digest(name);
    if (given !== undefined) label += "-" + digest(given);
    const nth = (this.seen.get(`${kind}:${label}`) ?? 0) + 1;
    this.seen.set(`${kind}:${label}`, nth);
    return `${kind}:${label}` + (nth > 1 ? `#${nth}` : "");
  }

  private async call(path: string, body: object, step?: string, holds = false): Promise<Told> {
    const { governor } = this.place;
    const answer = await ask(governor, `${this.place.path}/workflow/${path}`, body, {
      waits: step !== undefined,
      ...(step !== undefined && { step }),
      ...(holds && { holdMs: governor.holdMs }),
    });
    if (typeof answer.document !== "object" || answer.document === null) {
      throw new AireError("the Governor's answer is no JSON object", { status: answer.status });
    }
    return answer.document;
  }

  // ---- code of the agent's own ----

  async begin(name: string, effect: Effect, given: unknown): Promise<Step | { recorded: unknown }> {
    if (!effects.includes(effect)) throw new RangeError(`an effect is one of ${effects.join(", ")}, not '${effect}'`);
    const told = await this.call("step", { name, effect, input: given }, this.key("step", name, given));
    if (told.state === "make") return { number: Number(told.step), name, key: told.key ?? "", effect };
    return { recorded: settled(told, StepFailed, `step '${name}'`) };
  }

  async done(step: Step, value: unknown): Promise<void> {
    await this.call(`steps/${step.number}`, { result: value });
  }

  /** Reports a failure and throws it, or what stands for a final one. An unsafe step that failed in an unknown way is
   *  not given back: it stays in doubt, because it may have had its effect. */
  async failed(step: Step, why: unknown): Promise<never> {
    const final = isFinal(why);
    if (step.effect === "unsafe" && !final && !(why instanceof NothingDone)) throw why;
    const error = failureOf(why);
    await this.call(`steps/${step.number}`, { error, final });
    if (!final) throw why;
    throw Object.assign(new StepFailed(`step '${step.name}' failed: ${error.message}`, error), { cause: why });
  }

  // ---- waiting ----

  async sleep(ms: number, name = ""): Promise<void> {
    if (!(ms >= 0)) throw new RangeError("a sleep is not negative");
    const body = { ms: Math.round(ms), ...(name && { name }) };
    await this.call("sleep", body, this.key("sleep", name), true);
  }

  async wait(signal: string, timeoutMs?: number): Promise<unknown> {
    const told = await this.call("wait", { signal, timeout_ms: timeoutMs }, this.key("wait", signal), true);
    return settled(told, StepFailed, `signal '${signal}'`);
  }

  async approval(question: string, details: unknown, timeoutMs?: number): Promise<unknown> {
    const body = { question, details, timeout_ms: timeoutMs };
    return settled(await this.call("approval", body, this.key("approval", question), true), StepFailed, "approval");
  }

  // ---- other runs ----

  async child(name: string, given: unknown, queue?: string): Promise<string> {
    const told = await this.call("child", { name, input: given, queue }, this.key("child", name, given));
    return (settled(told, StepFailed, `child '${name}'`) as { run: string }).run;
  }

  async join(run: string): Promise<unknown> {
    return settled(await this.call("join", { run }, this.key("join", run), true), ChildFailed, `run ${run}`);
  }

  async end(result: unknown): Promise<void> {
    await this.call("end", { result: result ?? null });
  }

  async fail(why: unknown, retry: boolean): Promise<void> {
    await this.call("end", { error: failureOf(why), retry });
  }
}

function settled(told: Told, Kind: typeof StepFailed, what: string): unknown {
  switch (told.state) {
    case "done":
      return told.result;
    case "timeout":
      throw new TimedOut(`${what}: the time is over`, { code: "timeout" });
    case "failed": {
      const error = told.error ?? { message: "" };
      throw new Kind(`${what} failed: ${error.message}`, error);
    }
    default:
      throw new AireError(`${what}: the Governor answers a state that this version does not know: '${told.state}'`);
  }
}

/** A result as the next try will get it, so that this one goes on with the same: a Date is a string now. */
export function kept<T>(value: T): T {
  const text = JSON.stringify(value);
  return (text === undefined ? null : JSON.parse(text)) as T;
}

/** Twelve digits that tell inputs of one name apart, the same for every order of members. */
function digest(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(sorted(kept(value)))).digest("hex").slice(0, 12);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  // Pairs, because an object puts members that look like numbers first.
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, one]) => [name, sorted(one)]);
}

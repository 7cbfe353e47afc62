// SPDX-License-Identifier: Apache-2.0
// What can go wrong. `AireError` is above all that the Governor says; a step's own function throws `Final` or
// `NothingDone` to say more than that it failed.

export interface Told {
  code?: string | undefined;
  id?: string | undefined;
  status?: number | undefined;
}

/** `code` and `id` are the Governor's: `aire exchanges show ID` tells the whole story of `id`. */
export class AireError extends Error {
  readonly code: string;
  readonly id: string | undefined;
  readonly status: number;

  constructor(message: string, told: Told = {}) {
    super(message + (told.id ? ` (${told.id})` : ""));
    this.name = new.target.name;
    this.code = told.code ?? "";
    this.id = told.id;
    this.status = told.status ?? 0;
  }
}

/** No connection, or no whole answer, for as long as the patience lasts. */
export class Unreachable extends AireError {}
/** It answers, but cannot do this now: its journal fails, or it is over a rate. Patience has ended. */
export class Unavailable extends AireError {}
/** The call itself is wrong, or not allowed: 400, 401, 403, 404, 413. */
export class Refused extends AireError {}
/** A newer try of this run has begun. This process must stop: nothing it does counts any more. */
export class Fenced extends AireError {}
/** The run has ended or was cancelled. */
export class Closed extends AireError {}
/** The run asked for something else than it did the first time, and stands still. */
export class Diverged extends AireError {}
/** The run has as many steps, or bytes, as a run may have. */
export class Full extends AireError {}
/** A step of this name is recorded with another input. */
export class Conflict extends AireError {}
/** This try is making the step already. */
export class Busy extends AireError {}
/** This try does not make the step whose outcome it reports. */
export class NotHeld extends AireError {}
/** Whether the step took effect is not known. A person decides (`aire runs`); then the run goes on. */
export class InDoubt extends AireError {}
/** The key of the run was destroyed; its steps cannot be read any more. */
export class Erased extends AireError {}
/** The time given to a wait or an approval is over. That is recorded too. */
export class TimedOut extends AireError {}

/** What is recorded of a failure. */
export interface Failure {
  message: string;
  type?: string;
  [more: string]: unknown;
}

/** A final failure of a step, recorded: it is the same in every try. */
export class StepFailed extends AireError {
  readonly error: Failure;

  constructor(message: string, error: Failure) {
    super(message, { code: "step_failed" });
    this.error = error;
  }
}

/** The child run that was joined has failed. */
export class ChildFailed extends StepFailed {}

/** Thrown by a step's function: it has failed and trying again will not help. Recorded. */
export class Final extends Error {
  override readonly name = "Final";
}

/** Thrown by the function of an unsafe step that surely had no effect: the step may be made again. */
export class NothingDone extends Error {
  override readonly name = "NothingDone";
}

const byCode: Record<string, typeof AireError> = {
  try_fenced: Fenced,
  fenced: Fenced,
  run_closed: Closed,
  run_diverged: Diverged,
  run_full: Full,
  run_erased: Erased,
  step_conflict: Conflict,
  step_busy: Busy,
  step_not_held: NotHeld,
  step_in_doubt: InDoubt,
};

/** The error for an answer that is none of success. */
export function fromAnswer(status: number, document: unknown, id: string | undefined): AireError {
  const told = (document as { error?: { code?: unknown; message?: unknown; id?: unknown } } | undefined)?.error ?? {};
  const code = String(told.code ?? "");
  const Kind = byCode[code] ?? (status >= 500 || status === 429 ? Unavailable : Refused);
  return new Kind(String(told.message ?? `the Governor answered ${status}`), {
    code,
    id: typeof told.id === "string" ? told.id : id,
    status,
  });
}

/** What is recorded of whatever was thrown. */
export function failureOf(why: unknown): Failure {
  if (!(why instanceof Error)) return { message: String(why), type: typeof why };
  return { message: why.message || why.name, type: why.name };
}

/** A run that ends so would end so again. */
export function isFinal(why: unknown): boolean {
  return why instanceof Final || why instanceof StepFailed;
}

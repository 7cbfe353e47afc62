// SPDX-License-Identifier: Apache-2.0
// Durable runs for AI agents behind the AIRE Governor.

export {
  AireError, Busy, ChildFailed, Closed, Conflict, Diverged, Erased, type Failure, Fenced, Final, Full, InDoubt, NotHeld,
  NothingDone, Refused, StepFailed, TimedOut, Unavailable, Unreachable,
} from "./errors.js";
export { Governor, type GovernorOptions, Place } from "./governor.js";
export { type Decision, open, Run, run, type RunOptions, type StepOptions } from "./run.js";
export type { Effect, Step } from "./steps.js";
export { enqueue, type EnqueueOptions, signal, worker, type WorkerOptions } from "./worker.js";

// SPDX-License-Identifier: Apache-2.0
// Where the Governor is and how patient its callers are; where a run stands below it.

const env = (name: string): string | undefined => process.env[name] || undefined;

export interface GovernorOptions {
  /** AIRE_URL where it is not given, else http://127.0.0.1:8080. */
  url?: string | undefined;
  /** AIRE_KEY where it is not given. */
  key?: string | undefined;
  /** How long the Governor holds a waiting call before it is asked again; at most 60,000. */
  holdMs?: number;
  /** Sum of the pauses between attempts of one call while the Governor is away or cannot commit. */
  patienceMs?: number;
  pauseFirstMs?: number;
  pauseMaxMs?: number;
}

export class Governor {
  readonly url: string;
  readonly key: string | undefined;
  readonly holdMs: number;
  readonly patienceMs: number;
  readonly pauseFirstMs: number;
  readonly pauseMaxMs: number;

  constructor(options: GovernorOptions = {}) {
    const url = options.url ?? env("AIRE_URL") ?? "http://127.0.0.1:8080";
    if (!/^https?:\/\/[^/?#]+/.test(url)) throw new RangeError(`not the address of a Governor: '${url}'`);
    this.url = url.replace(/\/+$/, "");
    this.key = options.key ?? env("AIRE_KEY");
    this.holdMs = options.holdMs ?? 20_000;
    this.patienceMs = options.patienceMs ?? 60_000;
    this.pauseFirstMs = options.pauseFirstMs ?? 100;
    this.pauseMaxMs = options.pauseMaxMs ?? 5_000;
    if (!(this.holdMs > 0 && this.holdMs <= 60_000)) throw new RangeError("holdMs is 1 to 60000");
  }

  with(patienceMs: number): Governor {
    return new Governor({ ...this, patienceMs });
  }
}

const tryMax = 1_000_000;

/** One try of one run, and the base URLs of everything below it. */
export class Place {
  readonly path: string;

  constructor(
    readonly governor: Governor,
    readonly id: string,
    readonly attempt: number,
  ) {
    if (!/^[A-Za-z0-9._:-]{1,64}$/.test(id)) {
      throw new RangeError(`a run is named by 1 to 64 of A-Za-z0-9._:-, not by '${id}'`);
    }
    if (!Number.isInteger(attempt) || attempt < 1 || attempt > tryMax) {
      throw new RangeError(`a try counts from 1 to ${tryMax}, not ${attempt}`);
    }
    this.path = `/run/${id}/${attempt}`;
  }

  get url(): string {
    return this.governor.url + this.path;
  }
}

/** What is not given comes from AIRE_RUN and AIRE_TRY, which `aire supervise` sets; AIRE_TRY counts for the run that
 *  AIRE_RUN names and for no other. */
export function place(id?: string, attempt?: number, governor?: Governor): Place {
  const named = env("AIRE_RUN");
  const run = id || named;
  if (!run) throw new RangeError("a run needs an id: run(id, ...), or AIRE_RUN in the environment");
  const told = named === undefined || named === run ? (env("AIRE_TRY") ?? "1") : "1";
  if (attempt === undefined && !/^\d+$/.test(told)) throw new RangeError(`AIRE_TRY is no number: '${told}'`);
  return new Place(governor ?? new Governor(), run, attempt ?? Number(told));
}

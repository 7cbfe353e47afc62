// SPDX-License-Identifier: Apache-2.0
// One call to the Governor, asked until it is answered: every rule of patience stands here.

import { fromAnswer, InDoubt, Unreachable } from "./errors.js";
import type { Governor } from "./governor.js";

const answerMax = 16 << 20; // bytes; results are 1 MiB at most, so this is no answer of a Governor

export interface Answer {
  status: number;
  document: unknown;
  id: string | undefined;
  retryAfterMs: number;
}

export interface AskOptions {
  step?: string;
  /** 202 means that it waits, and is asked again for ever. */
  waits?: boolean;
  /** How long the answer may be held back. */
  holdMs?: number;
  /** False: asked again only when it surely was not served. */
  repeats?: boolean;
  /** Ends pauses early; what has been asked is waited for. */
  wake?: AbortSignal | undefined;
}

export async function ask(
  governor: Governor,
  path: string,
  body: unknown,
  { step, waits = false, holdMs, repeats = true, wake }: AskOptions = {},
): Promise<Answer> {
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (governor.key) headers.authorization = `Bearer ${governor.key}`;
  if (step) headers["x-aire-step"] = step;
  const text = JSON.stringify(holdMs === undefined ? (body ?? null) : { ...(body as object), hold_ms: holdMs });
  let patience = new Patience(governor);
  for (;;) {
    const asked = performance.now();
    let answer: Answer;
    try {
      answer = await post(governor.url + path, headers, text, (holdMs ?? 0) + 30_000);
    } catch (why) {
      const pauseMs = repeats || neverConnected(why) ? patience.pauseMs() : undefined;
      if (pauseMs === undefined) throw new Unreachable(`${governor.url}: ${words(why)}`);
      await pause(pauseMs, wake);
      continue;
    }
    if (answer.status === 202 && waits) {
      patience = new Patience(governor);
      const early = Math.min(holdMs ?? 1000, 1000) - (performance.now() - asked);
      if (early > 0) await pause(early, wake); // not held: do not spin
    } else if (answer.status >= 200 && answer.status < 300) {
      return answer;
    } else {
      const error = fromAnswer(answer.status, answer.document, answer.id);
      const again = (answer.status === 429 || answer.status === 503) && !(error instanceof InDoubt);
      const pauseMs = again ? patience.pauseMs(answer.retryAfterMs) : undefined;
      if (pauseMs === undefined) throw error;
      await pause(pauseMs, wake);
    }
  }
}

async function post(url: string, headers: Record<string, string>, body: string, limitMs: number): Promise<Answer> {
  const signal = AbortSignal.timeout(limitMs);
  const response = await fetch(url, { method: "POST", headers, body, signal, redirect: "manual" });
  if (Number(response.headers.get("content-length") ?? 0) > answerMax) {
    await response.body?.cancel();
    throw new Error("an answer that is no Governor's: too large");
  }
  const text = await response.text();
  const seconds = Number(response.headers.get("retry-after") ?? 0); // its form as a date is not used by the Governor
  return {
    status: response.status,
    document: parsed(text),
    id: response.headers.get("x-aire-id") ?? undefined,
    retryAfterMs: seconds > 0 ? seconds * 1000 : 0,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Pauses that double, with jitter, until their sum is used up. A hint of the Governor is a floor. */
class Patience {
  private leftMs: number;
  private nextMs: number;

  constructor(private readonly governor: Governor) {
    this.leftMs = governor.patienceMs;
    this.nextMs = governor.pauseFirstMs;
  }

  pauseMs(hintMs = 0): number | undefined {
    if (this.leftMs <= 0) return undefined;
    const ms = Math.max(Math.min(hintMs, this.leftMs), (this.nextMs * (1 + Math.random())) / 2);
    this.nextMs = Math.min(this.nextMs * 2, this.governor.pauseMaxMs);
    this.leftMs -= ms;
    return ms;
  }
}

const codes = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"]);

function neverConnected(why: unknown): boolean {
  const cause = (why as { cause?: { code?: string; errors?: { code?: string }[] } }).cause;
  if (cause?.errors?.length) return cause.errors.every((one) => codes.has(one.code ?? "")); // one for each address
  return codes.has(cause?.code ?? "");
}

function words(why: unknown): string {
  const error = why as Error & { cause?: Error };
  return error.cause?.message || error.message || String(why);
}

export function pause(ms: number, wake?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (wake?.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      wake?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    wake?.addEventListener("abort", end);
  });
}

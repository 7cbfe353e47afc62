// SPDX-License-Identifier: Apache-2.0
// Runs against a Governor in memory.

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import * as aire from "../src/index.js";
import { Fake, until } from "./fake.js";

let fake: Fake;
let made: string[] = [];
let id = "";
let runs = 0;
before(async () => void (fake = await Fake.start()));
after(() => fake.stop());
beforeEach(async () => {
  await fake.faults();
  made = [];
  id = `r${++runs}`;
});

const at = (attempt = 1, more: aire.GovernorOptions = {}, run = id) =>
  aire.open(run, { try: attempt, governor: fake.governor(more) });
const make = <T>(name: string, result: T) => () => {
  made.push(name);
  return result;
};
const fails = (why: unknown) => (): never => {
  made.push("x");
  throw why;
};

describe("steps", () => {
  test("a step is made once for all tries", async () => {
    for (const attempt of [1, 2, 3]) assert.deepEqual(await at(attempt).step("a", make("a", { n: 1 })), { n: 1 });
    assert.deepEqual(made, ["a"]);
  });

  test("the first try gets what later ones get", async () => {
    const told = [];
    for (const attempt of [1, 2]) {
      const run = at(attempt);
      told.push([await run.step("a", make<unknown>("a", new Date(0))), await run.step("b", () => undefined)]);
    }
    assert.deepEqual(told[0], ["1970-01-01T00:00:00.000Z", null]);
    assert.deepEqual(told[1], told[0]);
  });

  test("equal steps are told apart by place and others by input", async () => {
    for (const attempt of [1, 2]) {
      const run = at(attempt);
      for (const i of [0, 1, 2]) assert.equal(await run.step("poll", make("p", i)), i);
      for (const i of attempt === 1 ? [4, 3] : [3, 4]) {
        const input = attempt === 1 ? { id: i, of: "x" } : { of: "x", id: i };
        assert.equal(await run.step("read", make("r", i), { input }), i);
      }
    }
    assert.equal(made.length, 5);
  });

  test("any name is a name", async () => {
    const names = ["", "a b", "größe 100%", "x".repeat(500), "x".repeat(499) + "y", "#1", "a#2", "🙂".repeat(60), "\ud800"];
    for (const attempt of [1, 2]) {
      const run = at(attempt);
      for (const name of names) assert.equal(await run.step(name, make(name, name.length)), name.length);
    }
    assert.deepEqual(made, names);
    for (const key of (await fake.state()).runs[id]!.steps) assert.match(key, /^[!-~]{1,128}$/);
  });

  test("the idempotency key is the same in every try", async () => {
    const keys: string[] = [];
    for (const attempt of [1, 2]) {
      const never = at(attempt).step("charge", (step) => {
        keys.push(step.key);
        return new Promise(() => {}); // the agent dies within
      }, { effect: "keyed" });
      await Promise.race([never, until(() => keys.length === attempt)]);
    }
    assert.equal(new Set(keys).size, 1);
  });

  test("steps at once", async () => {
    for (const attempt of [1, 2]) {
      const run = at(attempt);
      const told = await Promise.all([...Array(20).keys()].map((n) => run.step("t", make("t", n * 2), { input: n })));
      assert.deepEqual(told, [...Array(20).keys()].map((n) => n * 2));
    }
    assert.equal(made.length, 20);
  });

  test("a failure is given back and made again", async () => {
    await assert.rejects(at().step("a", fails(new Error("no"))), /^Error: no$/);
    assert.equal(await at().step("a", make("a", 1)), 1);
  });

  test("a final failure is the same in every try", async () => {
    for (const attempt of [1, 2]) {
      await assert.rejects(at(attempt).step("a", fails(new aire.Final("no such order"))), (why) => {
        assert(why instanceof aire.StepFailed);
        assert.deepEqual(why.error, { message: "no such order", type: "Final" });
        return true;
      });
    }
    assert.deepEqual(made, ["x"]);
  });

  test("an unsafe step that failed somehow is in doubt", async () => {
    await assert.rejects(at().step("a", fails("reset"), { effect: "unsafe" }));
    await assert.rejects(at(2).step("a", make("a", 1), { effect: "unsafe" }), (why) => {
      assert(why instanceof aire.InDoubt);
      assert.deepEqual([why.code, why.id, why.status, why.name], ["step_in_doubt", "ex1", 503, "InDoubt"]);
      return true;
    });
    assert.deepEqual(made, ["x"]);
  });

  test("an unsafe step that did nothing is made again", async () => {
    await assert.rejects(at().step("a", fails(new aire.NothingDone("refused")), { effect: "unsafe" }), aire.NothingDone);
    assert.equal(await at(2).step("a", make("a", 1), { effect: "unsafe" }), 1);
  });

  test("what is no JSON is an error here", async () => {
    await assert.rejects(at().step("a", () => 1n as unknown), TypeError);
    await assert.rejects(at().step("b", () => 1, { effect: "safe" as aire.Effect }), RangeError);
  });

  test("time, chance and names are recorded", async () => {
    const told = [];
    for (const run of [at(1), at(2)]) told.push([await run.now(), await run.random(), await run.uuid()]);
    assert.deepEqual(told[0], told[1]);
  });
});

describe("failing", () => {
  const away = { status: 503, code: "journal_unavailable" };

  test("an answer that is lost is asked for again", async () => {
    await fake.faults("", "drop");
    assert.equal(await at().step("a", make("a", 1)), 1);
    await fake.faults("drop");
    assert.equal(await at(2).step("a", make("a", 2)), 1);
    assert.deepEqual(made, ["a"]);
  });

  test("a step that may have been given out is busy, and the next try has it", async () => {
    await fake.faults("drop");
    await assert.rejects(at().step("a", make("a", 1)), aire.Busy);
    assert.equal(await at(2).step("a", make("a", 2)), 2);
  });

  test("a journal that fails is waited for", async () => {
    await fake.faults(away, "refuse", { status: 429, code: "rate_limit_exceeded", headers: { "retry-after": "0.01" } }, "", away);
    assert.equal(await at().step("a", make("a", 1)), 1);
    assert.deepEqual(made, ["a"]);
  });

  test("patience ends", async () => {
    await fake.faults(...Array(1000).fill(away));
    await assert.rejects(at(1, { patienceMs: 50 }).step("a", make("a", 1)), aire.Unavailable);
    const gone = aire.open(id, { try: 1, governor: new aire.Governor({ url: "http://127.0.0.1:1", patienceMs: 50, pauseFirstMs: 10 }) });
    await assert.rejects(gone.step("a", make("a", 1)), aire.Unreachable);
  });

  test("what Retry-After says is kept", async () => {
    await fake.faults({ ...away, headers: { "retry-after": "0.3" } });
    const start = performance.now();
    await at().step("a", make("a", 1));
    assert(performance.now() - start >= 299);
  });

  for (const [status, code, Kind] of [
    [409, "try_fenced", aire.Fenced], [409, "run_closed", aire.Closed], [409, "run_diverged", aire.Diverged],
    [409, "run_full", aire.Full], [409, "step_conflict", aire.Conflict], [409, "step_busy", aire.Busy],
    [409, "step_not_held", aire.NotHeld], [503, "step_in_doubt", aire.InDoubt], [410, "run_erased", aire.Erased],
    [404, "unknown_path", aire.Refused], [401, "bad_key", aire.Refused], [500, "", aire.Unavailable],
  ] as const) {
    test(`${status} ${code} is ${Kind.name}`, async () => {
      await fake.faults({ status, code });
      await assert.rejects(at().step("a", make("a", 1)), (why) => {
        assert.equal((why as Error).constructor, Kind);
        assert.match((why as Error).message, /\(ex1\)$/);
        return true;
      });
    });
  }

  test("an older try is fenced", async () => {
    await at(2).step("a", make("a", 1));
    await assert.rejects(at(1).step("b", make("b", 1)), aire.Fenced);
    assert.deepEqual(made, ["a"]);
  });
});

describe("waiting", () => {
  test("sleep is over at the same time for every try", async () => {
    const start = performance.now();
    await at().sleep(300);
    assert(performance.now() - start >= 290);
    const again = performance.now();
    await at(2).sleep(300);
    assert(performance.now() - again < 250);
  });

  test("a signal is kept until it is waited for and given once", async () => {
    for (const value of [1, { paid: true }]) await aire.signal(id, "paid", value, fake.governor());
    for (const attempt of [1, 2]) {
      const run = at(attempt);
      assert.deepEqual([await run.wait("paid"), await run.wait("paid")], [1, { paid: true }]);
      await assert.rejects(run.wait("paid", { timeoutMs: 20 }), aire.TimedOut);
    }
  });

  test("a signal that may have come is not sent twice", async () => {
    await fake.faults("drop");
    await assert.rejects(aire.signal(id, "paid", 1, fake.governor()), aire.Unreachable);
    const run = at();
    assert.equal(await run.wait("paid"), 1);
    await assert.rejects(run.wait("paid", { timeoutMs: 20 }), aire.TimedOut);
  });

  test("a wait is asked again until the signal comes", async () => {
    const waiting = at().wait("go");
    const asked = async () => (await fake.state()).calls.filter((path) => path === `/run/${id}/1/workflow/wait`).length >= 3;
    await until(asked);
    await aire.signal(id, "go", "now", fake.governor());
    assert.equal(await waiting, "now");
  });

  for (const [told, approved] of [
    [{ decision: "approve" }, true], [{ decision: "reject", reason: "no" }, false], [{ decision: "edit", edit: { amount: 5 } }, true],
  ] as const) {
    test(`an approval: ${told.decision}`, async () => {
      const deciding = fake.post("/fake/decide", told);
      const answers = [];
      for (const attempt of [1, 2]) answers.push(await at(attempt).approval("refund?", { details: { amount: 9 } }));
      await deciding;
      assert.deepEqual(answers[0], { by: "ann", approved, ...told });
      assert.deepEqual(answers[1], answers[0]);
    });
  }

  test("an approval that nobody gives", async () => {
    for (const attempt of [1, 2]) await assert.rejects(at(attempt).approval("refund?", { timeoutMs: 20 }), aire.TimedOut);
    await fake.post("/fake/decide", { decision: "reject" }); // nobody waits for it any more
  });

  test("children", async () => {
    const child = await at().child("audit", { input: { n: 1 } });
    const parent = at(2);
    assert.equal(await parent.child("audit", { input: { n: 1 } }), child);
    await aire.run(child, async () => ({ ok: true }), { governor: fake.governor() });
    assert.deepEqual(await parent.join(child), { ok: true });
    const other = await parent.child("audit", { input: { n: 2 } });
    assert.notEqual(other, child);
    await at(1, {}, other).fail("broken");
    await assert.rejects(parent.join(other), (why) => why instanceof aire.ChildFailed && why.error.message === "broken");
  });
});

describe("ending", () => {
  const outcome = async () => (await fake.state()).runs[id]?.outcome;

  test("a run ends with what its function returns", async () => {
    const result = await aire.run(id, async (run) => ({ refunded: await run.step("a", () => 20) }), { governor: fake.governor() });
    assert.deepEqual([result, await outcome()], [{ refunded: 20 }, { result: { refunded: 20 } }]);
    await assert.rejects(at(2).step("b", make("b", 1)), aire.Closed);
  });

  test("a crash leaves the run for the next try", async () => {
    await assert.rejects(aire.run(id, async (run) => {
      await run.step("a", () => 1);
      throw new TypeError("oh");
    }, { governor: fake.governor() }), TypeError);
    assert.equal(await outcome(), null);
  });

  test("a final failure ends it", async () => {
    const failing = aire.run(id, (run) => run.step("a", fails(new aire.Final("never"))), { governor: fake.governor() });
    await assert.rejects(failing, aire.StepFailed);
    assert.match((await outcome())!.error!.message, /never/);
  });
});

describe("places", () => {
  test("base URLs", () => {
    const run = aire.open("refund-1", { try: 3, governor: new aire.Governor({ url: "http://h:1/", key: "k" }) });
    assert.deepEqual(
      [run.openaiBaseUrl, run.anthropicBaseUrl, run.toolUrl("orders"), run.apiKey],
      ["http://h:1/run/refund-1/3/v1", "http://h:1/run/refund-1/3", "http://h:1/run/refund-1/3/tools/orders", "k"]);
  });

  test("the environment of supervise", () => {
    Object.assign(process.env, { AIRE_RUN: "r", AIRE_TRY: "4", AIRE_URL: "http://h:2" });
    try {
      assert.equal(aire.open().place.url, "http://h:2/run/r/4");
      assert.deepEqual([aire.open("r").try, aire.open("other").try, aire.open("r", { try: 9 }).try], [4, 1, 9]);
      process.env.AIRE_TRY = "x";
      assert.throws(() => aire.open(), RangeError);
    } finally {
      for (const name of ["AIRE_RUN", "AIRE_TRY", "AIRE_URL"]) delete process.env[name];
    }
  });

  test("what is no place", () => {
    const bad = [() => aire.open(), () => aire.open("a/b"), () => aire.open("x".repeat(65)), () => aire.open("r", { try: 0 }),
      () => aire.open("r", { try: 1_000_001 }), () => new aire.Governor({ url: "localhost:80" }),
      () => new aire.Governor({ url: "http://h", holdMs: 60_001 })];
    for (const one of bad) assert.throws(one, RangeError);
  });
});

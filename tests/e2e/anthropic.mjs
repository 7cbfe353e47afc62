// SPDX-License-Identifier: Apache-2.0
// The `@anthropic-ai/sdk` package, unmodified, through the Governor.

import Anthropic from "@anthropic-ai/sdk";
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { config, question, results, schema, tools, until, world } from "./rig.mjs";

let w;
let client;
let came;
before(async () => {
  w = await world(config);
  client = new Anthropic({ baseURL: w.url, apiKey: "unused", authToken: null });
});
after(() => w?.stop());
beforeEach(async () => {
  await w.fault();
  came = (await w.state()).requests;
});

const arrived = async () => (await w.state()).requests - came;
const ask = (more = {}) => ({
  model: "claude", max_tokens: 500, messages: [{ role: "user", content: question }], ...more,
});
const words = (message) => message.content.filter((b) => b.type === "text").map((b) => b.text).join("");

describe("messages", () => {
  test("plain", async () => {
    const { data, response } = await client.messages.create(ask()).withResponse();
    assert.match(words(data), /order 4711/);
    assert.deepEqual([data.model, data.stop_reason], ["claude-first", "end_turn"]);
    assert.equal(response.headers.get("x-aire-target"), "first");
  });

  test("the client's version of the API is forwarded", async () => {
    await client.messages.create(ask());
    const { headers } = (await w.state()).heads.at(-1);
    assert.match(headers["anthropic-version"], /^20\d\d-\d\d-\d\d$/);
    assert.ok(headers["x-stainless-lang"]);
    assert.equal(headers["x-api-key"], undefined);
  });

  test("stream of events", async () => {
    const types = [];
    for await (const event of await client.messages.create(ask({ stream: true }))) types.push(event.type);
    assert.equal(types[0], "message_start");
    assert.equal(types.at(-1), "message_stop");
    assert.equal(types.filter((type) => type === "message_start").length, 1);
  });

  test("the helper for streams", async () => {
    let text = "";
    const stream = client.messages.stream(ask()).on("text", (piece) => (text += piece));
    const whole = await stream.finalMessage();
    assert.match(text, /order 4711/);
    assert.equal(words(whole), text);
    assert.ok(whole.usage.output_tokens > 0);
  });

  for (const stream of [false, true]) {
    test(`tools, ${stream ? "streamed" : "plain"}`, async () => {
      const messages = [{ role: "user", content: question }];
      const offered = tools.map(({ name, description, schema: input_schema }) => ({ name, description, input_schema }));
      const called = [];
      let done;
      for (let turn = 0; turn < 4; turn++) {
        const options = ask({ messages, tools: offered });
        done = stream ? await client.messages.stream(options).finalMessage() : await client.messages.create(options);
        if (done.stop_reason !== "tool_use") break;
        messages.push({ role: "assistant", content: done.content });
        const calls = done.content.filter((block) => block.type === "tool_use");
        messages.push({
          role: "user",
          content: calls.map((call) => {
            assert.equal(call.input.order_id, "4711");
            called.push(call.name);
            return { type: "tool_result", tool_use_id: call.id, content: results[call.name] };
          }),
        });
      }
      assert.deepEqual(called, ["lookup_order", "refund_order"]);
      assert.match(words(done), /4711/);
    });
  }

  test("structured output", async () => {
    const done = await client.messages.create(ask({ output_config: { format: { type: "json_schema", schema } } }));
    assert.equal(typeof JSON.parse(words(done)).answer, "string");
  });

  test("tokens are counted", async () => {
    const { max_tokens: _, ...body } = ask();
    assert.ok((await client.messages.countTokens(body)).input_tokens > 0);
  });

  test("the beta of messages", async () => {
    const done = await client.beta.messages.create(ask({ betas: ["a-1", "b-2"] }));
    assert.match(words(done), /order 4711/);
    const head = (await w.state()).heads.at(-1);
    assert.match(head.headers["anthropic-beta"], /a-1, ?b-2/);
  });
});

describe("errors", () => {
  const cases = [
    ["error: bad_request", Anthropic.BadRequestError, 400, 1],
    ["error: not_found", Anthropic.NotFoundError, 404, 1],
    ['error: rate_limit, headers: {retry-after: "60"}', Anthropic.RateLimitError, 429, 1],
    ["status: 500", Anthropic.InternalServerError, 502, 2],
    ["error: overloaded", Anthropic.InternalServerError, 502, 2],
  ];
  for (const [fault, type, status, tries] of cases) {
    for (const stream of [false, true]) {
      test(`${fault}${stream ? ", streamed" : ""}`, async () => {
        await w.fault(fault);
        const error = await client.messages.create(ask({ model: "claude-alone", stream })).then(
          () => assert.fail("no error"), (caught) => caught);
        assert.ok(error instanceof type, `${error.constructor.name}: ${error.message}`);
        assert.equal(error.status, status);
        assert.equal(error.error.type, "error");
        assert.ok(error.error.error.type);
        assert.equal(await arrived(), tries);
      });
    }
  }

  test("a request that is ours to refuse", async () => {
    const error = await client.messages.create({ model: "claude", max_tokens: 5 }).catch((caught) => caught);
    assert.ok(error instanceof Anthropic.BadRequestError);
    assert.equal(error.error.error.type, "invalid_request_error");
    assert.equal(await arrived(), 0);
  });

  for (const fault of ["end: cut, after: 6", "end: tidy, after: 6", "omit: [terminal]", "bad_event: 6",
    "error_event: 7, error: overloaded"]) {
    test(`a stream with ${fault} is never silent`, async () => {
      await w.fault(fault);
      let seen = 0;
      await assert.rejects(async () => {
        for await (const event of await client.messages.create(ask({ model: "claude-alone", stream: true }))) {
          seen += event.type === "content_block_delta" ? 1 : 0;
        }
      }, Anthropic.APIError);
      assert.ok(seen > 0);
      await assert.rejects(client.messages.stream(ask({ model: "claude-alone" })).finalMessage());
    });
  }
});

describe("survival", () => {
  for (const fault of ["status: 529", "end: reset, headless: true", "omit: [event_lines]", "error_event: 1, error: overloaded"]) {
    test(`${fault}, streamed`, async () => {
      await w.fault(fault, "path: /south/*");
      const whole = await client.messages.stream(ask()).finalMessage();
      assert.equal(whole.model, "claude-second");
      assert.match(words(whole), /order 4711/);
    });
  }
});

describe("leaving", () => {
  test("in mid-stream cancels the provider", async () => {
    await w.fault("between: 50ms");
    const { aborted } = await w.state();
    const stream = await client.messages.create(ask({ stream: true }));
    for await (const event of stream) {
      if (event.type === "content_block_delta") break;
    }
    assert.ok(await until(async () => (await w.state()).aborted > aborted, 1000));
  });
});

describe("bytes", () => {
  test("20 MiB arrive as they were sent", async () => {
    const body = ask({ messages: [{ role: "user", content: question + " é😀\n".repeat(2400000) }] });
    const done = await client.messages.create(body);
    assert.match(words(done), /4711/);
    const sent = JSON.stringify(body).replace('"model":"claude"', '"model":"claude-first"');
    assert.ok((await w.last()) === sent, "the body was changed");
  });

  test("big integers are kept", async () => {
    const body = '{"model":"claude","max_tokens":50,"metadata":{"n":123456789012345678901,"x":1.10},' +
      '"messages":[{"role":"user","content":"order 4711"}]}';
    await client.post("/v1/messages", { body, headers: { "content-type": "application/json" } });
    assert.equal(await w.last(), body.replace('"claude"', '"claude-first"'));
  });
});

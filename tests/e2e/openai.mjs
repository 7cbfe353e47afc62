// SPDX-License-Identifier: Apache-2.0
// The `openai` package, unmodified, through the Governor.

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import OpenAI from "openai";
import { config, question, results, schema, tools, until, world } from "./rig.mjs";

let w;
let client;
let came;
before(async () => {
  w = await world(config);
  client = new OpenAI({ baseURL: w.url + "/v1", apiKey: "unused" });
});
after(() => w?.stop());
beforeEach(async () => {
  await w.fault();
  came = (await w.state()).requests;
});

const arrived = async () => (await w.state()).requests - came;
const ask = (more = {}) => ({ model: "safe", messages: [{ role: "user", content: question }], ...more });

describe("chat", () => {
  test("plain", async () => {
    const { data, response } = await client.chat.completions.create(ask()).withResponse();
    assert.match(data.choices[0].message.content, /order 4711/);
    assert.equal(data.model, "model-one");
    assert.ok(data.usage.total_tokens > 0);
    assert.equal(response.headers.get("x-aire-target"), "one");
  });

  test("stream", async () => {
    let text = "";
    let finish;
    for await (const chunk of await client.chat.completions.create(ask({ stream: true }))) {
      assert.equal(chunk.choices.length, 1, "the usage chunk was not asked for");
      text += chunk.choices[0].delta.content ?? "";
      finish ??= chunk.choices[0].finish_reason;
    }
    assert.match(text, /order 4711/);
    assert.equal(finish, "stop");
  });

  test("stream with usage", async () => {
    const chunks = [];
    const options = ask({ stream: true, stream_options: { include_usage: true } });
    for await (const chunk of await client.chat.completions.create(options)) chunks.push(chunk);
    assert.deepEqual(chunks.at(-1).choices, []);
    assert.ok(chunks.at(-1).usage.total_tokens > 0);
  });

  test("the helper for streams", async () => {
    const stream = client.chat.completions.stream(ask());
    const whole = await stream.finalChatCompletion();
    assert.match(whole.choices[0].message.content, /order 4711/);
  });

  for (const stream of [false, true]) {
    test(`tools, ${stream ? "streamed" : "plain"}`, async () => {
      const messages = [{ role: "user", content: question }];
      const offered = tools.map(({ name, description, schema: parameters }) => ({
        type: "function", function: { name, description, parameters },
      }));
      const called = [];
      let message;
      for (let turn = 0; turn < 4; turn++) {
        const options = ask({ messages, tools: offered });
        message = stream
          ? (await client.chat.completions.stream(options).finalChatCompletion()).choices[0].message
          : (await client.chat.completions.create(options)).choices[0].message;
        if (!message.tool_calls?.length) break;
        messages.push({ role: "assistant", content: message.content, tool_calls: message.tool_calls });
        for (const call of message.tool_calls) {
          assert.equal(JSON.parse(call.function.arguments).order_id, "4711");
          called.push(call.function.name);
          messages.push({ role: "tool", tool_call_id: call.id, content: results[call.function.name] });
        }
      }
      assert.deepEqual(called, ["lookup_order", "refund_order"]);
      assert.match(message.content, /4711/);
    });
  }

  test("structured output", async () => {
    const format = { type: "json_schema", json_schema: { name: "a", strict: true, schema } };
    const done = await client.chat.completions.parse(ask({ response_format: format }));
    const value = JSON.parse(done.choices[0].message.content);
    assert.equal(typeof value.answer, "string");
    assert.equal(typeof value.confident, "boolean");
    assert.deepEqual(done.choices[0].message.parsed, value);
  });

  test("images pass unread", async () => {
    const url = "data:image/png;base64," + Buffer.alloc(300000, 7).toString("base64");
    const content = [{ type: "text", text: question }, { type: "image_url", image_url: { url } }];
    const done = await client.chat.completions.create(ask({ messages: [{ role: "user", content }] }));
    assert.match(done.choices[0].message.content, /4711/);
    assert.equal(JSON.parse(await w.last()).messages[0].content[1].image_url.url, url);
  });
});

describe("responses", () => {
  const input = (more = {}) => ({ model: "safe", input: question, ...more });

  test("plain", async () => {
    const done = await client.responses.create(input());
    assert.match(done.output_text, /order 4711/);
    assert.equal(done.status, "completed");
  });

  test("stream", async () => {
    let text = "";
    let last;
    let number = -1;
    for await (const event of await client.responses.create(input({ stream: true }))) {
      assert.equal(event.sequence_number, number + 1);
      number = event.sequence_number;
      if (event.type === "response.output_text.delta") text += event.delta;
      last = event.type;
    }
    assert.equal(last, "response.completed");
    assert.match(text, /order 4711/);
  });

  test("the helper for streams", async () => {
    const whole = await client.responses.stream(input()).finalResponse();
    assert.match(whole.output_text, /order 4711/);
  });

  test("tools", async () => {
    const offered = tools.map(({ name, description, schema: parameters }) => ({
      type: "function", name, description, parameters, strict: false,
    }));
    const items = [{ role: "user", content: question }];
    const called = [];
    let done;
    for (let turn = 0; turn < 4; turn++) {
      done = await client.responses.create(input({ input: items, tools: offered }));
      const calls = done.output.filter((item) => item.type === "function_call");
      if (calls.length === 0) break;
      items.push(...done.output);
      for (const call of calls) {
        called.push(call.name);
        items.push({ type: "function_call_output", call_id: call.call_id, output: results[call.name] });
      }
    }
    assert.deepEqual(called, ["lookup_order", "refund_order"]);
    assert.match(done.output_text, /4711/);
  });

  test("structured output", async () => {
    const text = { format: { type: "json_schema", name: "a", schema, strict: true } };
    const done = await client.responses.create(input({ text }));
    assert.equal(typeof JSON.parse(done.output_text).answer, "string");
  });

  test("a broken stream is an error", async () => {
    await w.fault("end: cut, after: 8");
    let last;
    for await (const event of await client.responses.create(input({ model: "alone", stream: true }))) last = event;
    assert.equal(last.type, "error"); // this API's own way to say it
    assert.ok(last.message && last.code);
    await assert.rejects(client.responses.stream(input({ model: "alone" })).finalResponse());
  });
});

describe("embeddings and models", () => {
  test("numbers and base64 say the same", async () => {
    const packed = await client.embeddings.create({ model: "safe", input: "refund" }); // asks for base64
    assert.equal(JSON.parse(await w.last()).encoding_format, "base64");
    const plain = await client.embeddings.create({ model: "safe", input: "refund", encoding_format: "float" });
    assert.equal(packed.data[0].embedding.length, plain.data[0].embedding.length);
    packed.data[0].embedding.forEach((x, i) => assert.ok(Math.abs(x - plain.data[0].embedding[i]) < 1e-6));
    assert.ok(packed.data[0].embedding.some((x) => x !== 0));
  });

  test("models are the routes", async () => {
    const names = [];
    for await (const model of client.models.list()) names.push(model.id);
    assert.ok(names.includes("safe") && names.includes("alone"), names.join());
  });
});

describe("errors", () => {
  const cases = [
    ["error: bad_request", OpenAI.BadRequestError, 400, 1],
    ["error: context_length", OpenAI.BadRequestError, 400, 1],
    ["error: content_filter", OpenAI.BadRequestError, 400, 1],
    ["error: not_found", OpenAI.NotFoundError, 404, 1],
    ["error: unprocessable", OpenAI.UnprocessableEntityError, 422, 1],
    ['error: rate_limit, headers: {retry-after: "60"}', OpenAI.RateLimitError, 429, 1],
    ["status: 500", OpenAI.InternalServerError, 502, 2],
    ["error: overloaded", OpenAI.InternalServerError, 502, 2],
  ];
  for (const [fault, type, status, tries] of cases) {
    for (const stream of [false, true]) {
      test(`${fault}${stream ? ", streamed" : ""}`, async () => {
        await w.fault(fault);
        const error = await client.chat.completions.create(ask({ model: "alone", stream })).then(
          () => assert.fail("no error"), (caught) => caught);
        assert.ok(error instanceof type, `${error.constructor.name}: ${error.message}`);
        assert.equal(error.status, status);
        assert.ok(error.error.message && error.type);
        // The client's retries do not multiply ours.
        assert.equal(await arrived(), tries);
      });
    }
  }

  test("a request that is ours to refuse", async () => {
    const error = await client.chat.completions.create({ model: "safe" }).catch((caught) => caught);
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.code, "invalid_request");
    assert.match(error.message, /messages/);
    assert.equal(await arrived(), 0);
  });

  test("a limit of ours", async () => {
    const headers = { "x-aire-agent": "paced" };
    await client.chat.completions.create(ask(), { headers });
    const began = Date.now();
    const error = await client.chat.completions.create(ask(), { headers }).catch((caught) => caught);
    assert.ok(error instanceof OpenAI.RateLimitError);
    assert.equal(error.code, "rate_limit_exceeded");
    assert.ok(Date.now() - began < 1000, "the client waited to retry");
  });

  test("an unknown key", async () => {
    const stranger = new OpenAI({ baseURL: w.url + "/v1", apiKey: "aire_AAAAAAAAAAAA_" + "A".repeat(32) });
    await assert.rejects(stranger.chat.completions.create(ask()), OpenAI.AuthenticationError);
  });

  for (const fault of ["end: cut, after: 6", "end: tidy, after: 6", "omit: [finish, terminal]", "bad_event: 6"]) {
    test(`a stream with ${fault} is never silent`, async () => {
      await w.fault(fault);
      let words = 0;
      await assert.rejects(async () => {
        for await (const chunk of await client.chat.completions.create(ask({ model: "alone", stream: true }))) {
          words += chunk.choices[0].delta.content ? 1 : 0;
        }
      }, OpenAI.APIError);
      assert.ok(words > 0);
    });
  }
});

describe("survival", () => {
  for (const fault of ["status: 500", "error: overloaded", "end: reset, headless: true", "bad_event: 1", "end: tidy"]) {
    for (const stream of [false, true]) {
      test(`${fault}${stream ? ", streamed" : ""}`, async () => {
        await w.fault(fault, "path: /east/*");
        const { data, response } = await client.chat.completions.create(ask({ stream })).withResponse();
        assert.equal(response.headers.get("x-aire-degraded"), "two");
        assert.ok(Number(response.headers.get("x-aire-confidence")) < 1);
        let text = stream ? "" : data.choices[0].message.content;
        if (stream) for await (const chunk of data) text += chunk.choices[0].delta.content ?? "";
        assert.match(text, /order 4711/);
      });
    }
  }
});

describe("leaving", () => {
  test("in mid-stream cancels the provider", async () => {
    await w.fault("between: 50ms");
    const { aborted } = await w.state();
    for await (const chunk of await client.chat.completions.create(ask({ stream: true }))) {
      if (chunk.choices[0].delta.content) break; // the SDK closes the connection
    }
    assert.ok(await until(async () => (await w.state()).aborted > aborted, 1000));
  });

  test("while waiting cancels the provider", async () => {
    await w.fault("delay: 5s");
    const { aborted } = await w.state();
    const abort = new AbortController();
    const answer = client.chat.completions.create(ask(), { signal: abort.signal });
    answer.catch(() => {});
    assert.ok(await until(async () => (await arrived()) === 1));
    abort.abort();
    await assert.rejects(answer, OpenAI.APIUserAbortError);
    assert.ok(await until(async () => (await w.state()).aborted > aborted, 1000));
    assert.equal(await arrived(), 1);
  });
});

describe("bytes", () => {
  test("20 MiB arrive as they were sent", async () => {
    const body = ask({ messages: [{ role: "user", content: question + " é😀\n".repeat(2400000) }] });
    const done = await client.chat.completions.create({ ...body, model: "safe" });
    assert.match(done.choices[0].message.content, /4711/);
    const sent = JSON.stringify(body).replace('"model":"safe"', '"model":"model-one"');
    assert.ok(sent.length > 10 << 20);
    assert.ok((await w.last()) === sent, "the body was changed");
  });

  test("big integers and other numbers are kept", async () => {
    const body = '{"model":"safe","seed":123456789012345678901,"x":1.10,"y":1e400,' +
      '"messages":[{"role":"user","content":"order 4711","n":9007199254740993}]}';
    await client.post("/chat/completions", { body, headers: { "content-type": "application/json" } });
    assert.equal(await w.last(), body.replace('"safe"', '"model-one"'));
  });

  test("big integers of the answer are kept", async () => {
    await w.fault("extra_fields: true");
    const response = await client.chat.completions.create(ask()).asResponse();
    assert.match(await response.text(), /"big":12345678901234567890\b/);
  });

  test("a large answer comes whole", async () => {
    await w.fault("pad: 8MiB");
    const done = await client.chat.completions.create(ask());
    assert.ok(done.choices[0].message.content.length > 8 << 20);
    await w.fault("pad: 2MiB"); // in one event
    let length = 0;
    for await (const chunk of await client.chat.completions.create(ask({ stream: true }))) {
      length += (chunk.choices[0].delta.content ?? "").length;
    }
    assert.ok(length > 2 << 20);
  });

  test("many at once", async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) =>
      client.chat.completions.create(ask({ messages: [{ role: "user", content: `hello number ${i}` }] }))));
    answers.forEach((done, i) => assert.ok(done.choices[0].message.content.includes(`number ${i}`)));
  });
});

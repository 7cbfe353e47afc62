// SPDX-License-Identifier: Apache-2.0
// The Vercel AI SDK as it is. What makes it durable is its base URL alone:
//
//   OPENAI_BASE_URL=http://127.0.0.1:8080/run/refund-4711/1/v1 OPENAI_API_KEY=unused
//     node dist/vercel_ai.js "please refund order 4711"
//
// Killed in the middle, it is started with the next try (/run/refund-4711/2/v1) and goes on where it was.

import { openai } from "@ai-sdk/openai";
import { generateText, stepCountIs, tool } from "ai";
import { z } from "zod";

const base = process.env.OPENAI_BASE_URL ?? "";
const tools = base.replace(/\/v1$/, "/tools");

async function call(path: string, body: unknown): Promise<string> {
  const answer = await fetch(tools + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.text();
}

const { text } = await generateText({
  model: openai("any"),
  system: "You refund orders.",
  prompt: process.argv[2] ?? "",
  stopWhen: stepCountIs(5),
  tools: {
    lookup_order: tool({
      description: "Looks an order up.",
      inputSchema: z.object({ order_id: z.string() }),
      execute: (input) => call("/orders/lookup", input),
    }),
    refund_order: tool({
      description: "Refunds an order.",
      inputSchema: z.object({ order_id: z.string(), amount: z.number() }),
      execute: (input) => call("/orders/refund", input),
    }),
  },
});
console.log(text);

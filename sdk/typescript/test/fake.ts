// SPDX-License-Identifier: Apache-2.0
// The Governor in memory of sdk/python/tests/fake.py, as a child process.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Governor, type GovernorOptions } from "../src/index.js";

const program = fileURLToPath(new URL("../../../python/tests/fake.py", import.meta.url));

export type Fault = "" | "drop" | "refuse" | { status: number; code: string; headers?: Record<string, string> };

export interface State {
  calls: string[];
  runs: Record<string, { state: string; try: number; outcome: { result?: unknown; error?: { message: string } } | null;
                         steps: string[] }>;
}

export class Fake {
  private constructor(readonly url: string, private readonly child: ChildProcess) {}

  static async start(): Promise<Fake> {
    const child = spawn("python3", ["-B", program], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = (await once(createInterface(child.stdout!), "line")) as [string];
    return new Fake(/http:\S+/.exec(line)![0], child);
  }

  stop(): void {
    this.child.kill("SIGKILL");
  }

  async post(path: string, body: unknown): Promise<any> {
    return (await fetch(this.url + path, { method: "POST", body: JSON.stringify(body) })).json();
  }

  faults(...faults: Fault[]): Promise<unknown> {
    return this.post("/fake/faults", { faults });
  }

  state(): Promise<State> {
    return this.post("/fake/state", {});
  }

  governor(more: GovernorOptions = {}): Governor {
    return new Governor({ url: this.url, holdMs: 50, patienceMs: 2000, pauseFirstMs: 10, ...more });
  }
}

export async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  const end = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error("it never came");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

// A hanging test ends here, whatever the version of node.
setTimeout(() => {
  console.error("the tests hang");
  process.exit(1);
}, 60_000).unref();

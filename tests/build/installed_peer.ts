/**
 * A peer of an installed package as a user starts it: through `npx` or by its command, in a directory whose
 * deno.json is nonsense. What was started is one process or a chain of them, of which the last is the peer.
 */
import assert from "node:assert/strict";
import { eventually } from "../eventually.ts";
import { type JsonAnswer, jsonRequest } from "../integration/skein_process.ts";
import type { Way } from "./npm_installation.ts";

/** Variables that would move a peer's listeners, and start another program in its place, if they reached it. */
export const HOSTILE_ENVIRONMENT = {
  DENO_SERVE_ADDRESS: "tcp:127.0.0.1:1",
  SKEIN_EXECUTABLE: "/no/such/skein",
};

/** A command of the package, not started yet: no standard input, the output piped. */
export function installedCommand(
  { nodeFolder }: Way,
  directory: string,
  [program = "", ...args]: readonly string[],
): Deno.Command {
  const path = [...nodeFolder === null ? [] : [nodeFolder], Deno.env.get("PATH")!].join(":");
  return new Deno.Command(program, {
    args,
    cwd: directory,
    env: { ...HOSTILE_ENVIRONMENT, PATH: path, HOME: Deno.env.get("HOME")!, NO_COLOR: "1" },
    clearEnv: true,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

export class InstalledPeer {
  readonly url: string;
  readonly #command: Deno.Command;
  /** Stands in its command line and in nobody else's. */
  readonly #mark: string;
  #child: Deno.ChildProcess | null = null;
  #output: Promise<Deno.CommandOutput> | null = null;

  constructor(command: Deno.Command, httpPort: number, mark: string) {
    this.url = `http://127.0.0.1:${httpPort}`;
    this.#command = command;
    this.#mark = mark;
  }

  start(): void {
    this.#child = this.#command.spawn();
    this.#output = this.#child.output();
  }

  /** Of what was started, which need not be the peer. */
  get startedPid(): number {
    return this.#child!.pid;
  }

  /** The process that is the peer. */
  get peerPid(): number {
    const [pid] = denoProcesses(this.#mark);
    assert(pid !== undefined, "the peer runs");
    return pid;
  }

  /** Resolves once what was started has ended, with all that it wrote. */
  async ended(): Promise<{ code: number; signal: Deno.Signal | null; log: string }> {
    const { code, signal, stderr } = await this.#output!;
    return { code, signal, log: new TextDecoder().decode(stderr) };
  }

  async ready(): Promise<void> {
    await eventually(`${this.url} is ready`, 30_000, async () => {
      const { status, body } = await this.get("/ready");
      assert.equal(status, 200, JSON.stringify(body));
    });
  }

  get(path: string): Promise<JsonAnswer> {
    return jsonRequest(this.url + path, { signal: AbortSignal.timeout(10_000) });
  }

  /** Ends whatever is left of it, also where it has only begun to start. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#output === null) return;
    let over = false;
    void this.#output.then(() => over = true);
    await eventually("the peer is gone", 30_000, () => {
      for (const pid of denoProcesses(this.#mark)) kill(pid, "SIGKILL");
      assert(over);
    });
  }
}

/** Processes of Deno whose command line has the mark, which is a path in a directory of the test. */
export function denoProcesses(mark: string): number[] {
  return [...Deno.readDirSync("/proc")].flatMap(({ name }) => {
    if (!/^\d+$/.test(name)) return [];
    const [program = "", ...args] = commandLine(name);
    return /\/deno$/.test(program) && args.some((each) => each.includes(mark))
      ? [Number(name)]
      : [];
  });
}

export function kill(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    // It has ended since it was found.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function commandLine(pid: string): string[] {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0");
  } catch {
    // It has ended since it was listed.
    return [];
  }
}

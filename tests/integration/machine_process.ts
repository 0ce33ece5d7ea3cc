/** A program of ours on one of the machines of a test: `skein run`, `skein dht`; with its log in memory. */
import { skeinCommand } from "../skein_command.ts";
import type { Machines } from "./machines.ts";
import type { JsonAnswer } from "./skein_process.ts";
import { TextLineStream } from "./text_lines.ts";

const HTTP_PORT = 8001;

export class MachineProcess {
  readonly log: string[] = [];
  readonly machine: number;
  readonly #machines: Machines;
  readonly #child: Deno.ChildProcess;
  readonly #ended: Promise<Deno.CommandStatus>;

  constructor(machines: Machines, machine: number, args: readonly string[]) {
    this.machine = machine;
    this.#machines = machines;
    this.#child = skeinCommand(args, {
      stdout: "null",
      startedBy: machines.entranceOf(machine),
    }).spawn();
    const lines = this.#child.stderr.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream());
    const reading = (async () => {
      for await (const line of lines) this.log.push(line);
    })();
    this.#ended = Promise.all([this.#child.status, reading]).then(([status]) => status);
  }

  get(path: string): Promise<JsonAnswer> {
    return this.#machines.ask(this.machine, HTTP_PORT, path);
  }

  post(path: string, body: unknown): Promise<JsonAnswer> {
    return this.#machines.ask(this.machine, HTTP_PORT, path, body);
  }

  /** Sends a signal, and waits for the end. */
  async end(signal: Deno.Signal = "SIGTERM"): Promise<Deno.CommandStatus> {
    try {
      this.#child.kill(signal);
    } catch (error) {
      // It has ended by itself.
      if (!(error instanceof TypeError)) throw error;
    }
    return await this.#ended;
  }
}

/**
 * Machines of a test, each a network namespace with an address of its own, joined by a switch: on one real machine, and
 * out of reach of everything else. Programs run on them by `nsenter`, which becomes the program; HTTP is asked on the
 * machine itself, by curl. Linux alone, and root.
 */
import assert from "node:assert/strict";
import type { JsonAnswer } from "./skein_process.ts";

/** The first three numbers of all their addresses. */
const NETWORK = "10.213.7";
const LOOPBACK = "lo";
const INTERFACE = "eth0";
/** Nobody waits for it: it is stopped when the test ends. */
const HOLD_SECONDS = "3600";

/** @returns why there can be no machines here; null where there can */
export async function whyNoMachines(): Promise<string | null> {
  if (Deno.build.os !== "linux") return "network namespaces are Linux's";
  if (Deno.uid() !== 0) return "only root may make network namespaces that see each other";
  try {
    await using machines = await Machines.make(2);
    await machines.run(0, ["ip", "address"]);
    const blocked = await machines.tryBlockTcp(0);
    return blocked === null ? null : `iptables: ${blocked}`;
  } catch (error) {
    return (error as Error).message;
  }
}

/** A process that does nothing but hold a namespace. */
class Namespace {
  readonly #holder: Deno.ChildProcess;

  constructor() {
    this.#holder = new Deno.Command("unshare", {
      args: ["--net", "sleep", HOLD_SECONDS],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  get pid(): string {
    return String(this.#holder.pid);
  }

  /** What enters it and becomes a program. */
  get entrance(): readonly string[] {
    return ["nsenter", `--net=/proc/${this.#holder.pid}/ns/net`, "--"];
  }

  /** Resolves once it is another than the test's own. */
  async ready(): Promise<void> {
    const own = await Deno.readLink("/proc/self/ns/net");
    while (await Deno.readLink(`/proc/${this.pid}/ns/net`) === own) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async end(): Promise<void> {
    this.#holder.kill("SIGKILL");
    await this.#holder.status;
  }
}

export class Machines implements AsyncDisposable {
  readonly #switch = new Namespace();
  readonly #machines: Namespace[] = [];
  readonly #addresses: string[] = [];

  private constructor() {}

  /** @throws {Error} with the words of the tool that cannot */
  static async make(count: number): Promise<Machines> {
    const machines = new Machines();
    try {
      await machines.#join(count);
      return machines;
    } catch (error) {
      await machines[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #join(count: number): Promise<void> {
    await this.#switch.ready();
    const onSwitch = (...words: string[]) => output([...this.#switch.entrance, "ip", ...words]);
    await onSwitch("link", "add", "switch", "type", "bridge");
    await onSwitch("link", "set", "switch", "up");
    for (let at = 0; at < count; at++) {
      const machine = new Namespace();
      this.#machines.push(machine);
      await machine.ready();
      const port = `port${at}`;
      const peer = ["peer", "name", INTERFACE, "netns", machine.pid];
      await onSwitch("link", "add", "name", port, "type", "veth", ...peer);
      await onSwitch("link", "set", port, "master", "switch", "up");
      await this.run(at, ["ip", "link", "set", LOOPBACK, "up"]);
      await this.run(at, ["ip", "link", "set", INTERFACE, "up"]);
      this.#addresses.push("");
      await this.move(at, at + 1);
    }
  }

  addressOf(machine: number): string {
    return this.#addresses[machine]!;
  }

  entranceOf(machine: number): readonly string[] {
    return this.#machines[machine]!.entrance;
  }

  /** Gives it another address. @param host its last number */
  async move(machine: number, host: number): Promise<void> {
    const address = `${NETWORK}.${host}`;
    await this.run(machine, ["ip", "address", "flush", "dev", INTERFACE]);
    await this.run(machine, ["ip", "address", "add", `${address}/24`, "dev", INTERFACE]);
    this.#addresses[machine] = address;
  }

  /** From now on nothing of TCP leaves it. @returns what iptables said where it cannot */
  async tryBlockTcp(machine: number): Promise<string | null> {
    try {
      await this.#tcpRule(machine, "-A");
      return null;
    } catch (error) {
      return (error as Error).message;
    }
  }

  async blockTcp(machine: number): Promise<void> {
    assert.equal(await this.tryBlockTcp(machine), null);
  }

  async allowTcp(machine: number): Promise<void> {
    await this.#tcpRule(machine, "-D");
  }

  async #tcpRule(machine: number, change: "-A" | "-D"): Promise<void> {
    const rule = ["OUTPUT", "--protocol", "tcp", "--out-interface", INTERFACE, "--jump", "DROP"];
    await this.run(machine, ["iptables", change, ...rule]);
  }

  /** @returns what it printed. @throws {Error} with its words where it fails */
  async run(machine: number, words: readonly string[]): Promise<string> {
    return await output([...this.entranceOf(machine), ...words]);
  }

  /** Asks a server of the machine itself. @param body is posted; null: none, a GET */
  async ask(
    machine: number,
    port: number,
    path: string,
    body: unknown = null,
  ): Promise<JsonAnswer> {
    const posted = body === null ? [] : [
      "--header",
      "content-type: application/json",
      "--data-binary",
      JSON.stringify(body),
    ];
    const url = `http://127.0.0.1:${port}${path}`;
    const call = ["curl", "--silent", "--show-error", "--max-time", "10"];
    const said = await this.run(machine, [
      ...call,
      "--write-out",
      "\n%{http_code}",
      ...posted,
      url,
    ]);
    const at = said.lastIndexOf("\n");
    return { status: Number(said.slice(at + 1)), body: JSON.parse(said.slice(0, at)) };
  }

  /** Everything that was started on them has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#switch, ...this.#machines].map((namespace) => namespace.end()));
  }
}

async function output(words: readonly string[]): Promise<string> {
  const [program, ...args] = words;
  const { success, stdout, stderr } = await new Deno.Command(program!, {
    args,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  if (success) return decoder.decode(stdout);
  throw new Error(`${words.join(" ")}: ${decoder.decode(stderr).trim()}`);
}

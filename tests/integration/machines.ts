/**
 * Machines of a test, each a network namespace with an address of its own, joined by a switch, some of them behind
 * routers of their own that hide their addresses: on one real machine, and out of reach of everything else. Programs
 * run on them by `nsenter`, which becomes the program; HTTP is asked on the machine itself, by curl. Linux alone, and
 * root.
 */
import { TESTED_REDIS } from "../tested_state.ts";
import type { JsonAnswer } from "./skein_process.ts";

/** The first three numbers of all addresses at the switch; behind a router the first two. */
const NETWORK = "10.213.7";
const HIDDEN_NETWORK = "192.168";
const LOOPBACK = "lo";
const INTERFACE = "eth0";
/** Nobody waits for it: it is stopped when the test ends. */
const HOLD_SECONDS = "3600";

/** @returns why there can be no machines here; null where there can */
export async function whyNoMachines(): Promise<string | null> {
  if (Deno.build.os !== "linux") return "network namespaces are Linux's";
  if (TESTED_REDIS !== null) return "they reach no Redis outside";
  if (Deno.uid() !== 0) return "only root may make network namespaces that see each other";
  try {
    await using machines = await Machines.make(2, [1]);
    await machines.blockTcp(0);
    return null;
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

  /** @returns what it printed. @throws {Error} with its words where it fails */
  async run(...words: string[]): Promise<string> {
    return await output([...this.entrance, ...words]);
  }

  async ip(...words: string[]): Promise<void> {
    await this.run("ip", ...words);
  }

  async end(): Promise<void> {
    this.#holder.kill("SIGKILL");
    await this.#holder.status;
  }
}

export class Machines implements AsyncDisposable {
  readonly #switch = new Namespace();
  readonly #machines: Namespace[] = [];
  readonly #routers: Namespace[] = [];
  readonly #addresses: string[] = [];

  private constructor() {}

  /**
   * @param hidden the machines that are behind a router each, by their numbers from 0
   * @throws {Error} with the words of the tool that cannot
   */
  static async make(count: number, hidden: readonly number[] = []): Promise<Machines> {
    const machines = new Machines();
    try {
      await machines.#join(count, hidden);
      return machines;
    } catch (error) {
      await machines[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #join(count: number, hidden: readonly number[]): Promise<void> {
    await this.#switch.ready();
    await this.#switch.ip("link", "add", "switch", "type", "bridge");
    await this.#switch.ip("link", "set", "switch", "up");
    for (let at = 0; at < count; at++) {
      const machine = new Namespace();
      this.#machines.push(machine);
      await machine.ready();
      await machine.ip("link", "set", LOOPBACK, "up");
      const address = `${NETWORK}.${at + 1}`;
      if (hidden.includes(at)) await this.#hide(machine, at, address);
      else await this.#plugIn(machine, at, address);
    }
  }

  async #plugIn(machine: Namespace, at: number, address: string): Promise<void> {
    const port = `port${at}`;
    await this.#connect(this.#switch, port, machine, address);
    await this.#switch.ip("link", "set", port, "master", "switch");
    this.#addresses[at] = address;
  }

  /** @param address of its router, as those at the switch see it */
  async #hide(machine: Namespace, at: number, address: string): Promise<void> {
    const router = new Namespace();
    this.#routers.push(router);
    await router.ready();
    await this.#plugIn(router, at, address);
    const network = `${HIDDEN_NETWORK}.${at + 1}`;
    await this.#connect(router, "inside", machine, `${network}.2`);
    await router.ip("address", "add", `${network}.1/24`, "dev", "inside");
    await machine.ip("route", "add", "default", "via", `${network}.1`);
    this.#addresses[at] = `${network}.2`;
    await router.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward");
    // As routers at home do it: one address for all behind it, and what nobody there asked for is dropped.
    const toOutside = ["--out-interface", INTERFACE, "--jump", "MASQUERADE"];
    await router.run("iptables", "--table", "nat", "-A", "POSTROUTING", ...toOutside);
    const unasked = ["--in-interface", INTERFACE, "--match", "conntrack", "--ctstate", "NEW"];
    for (const chain of ["INPUT", "FORWARD"]) {
      await router.run("iptables", "-A", chain, ...unasked, "--jump", "DROP");
    }
  }

  /** A cable from a socket of one to the interface of the other. */
  async #connect(one: Namespace, socket: string, other: Namespace, address: string): Promise<void> {
    const peer = ["peer", "name", INTERFACE, "netns", other.pid];
    await one.ip("link", "add", "name", socket, "type", "veth", ...peer);
    await one.ip("link", "set", socket, "up");
    await other.ip("address", "add", `${address}/24`, "dev", INTERFACE);
    await other.ip("link", "set", INTERFACE, "up");
  }

  addressOf(machine: number): string {
    return this.#addresses[machine]!;
  }

  entranceOf(machine: number): readonly string[] {
    return this.#machines[machine]!.entrance;
  }

  /** Gives it another address at the switch. @param host its last number */
  async move(machine: number, host: number): Promise<void> {
    const address = `${NETWORK}.${host}`;
    await this.run(machine, ["ip", "address", "flush", "dev", INTERFACE]);
    await this.run(machine, ["ip", "address", "add", `${address}/24`, "dev", INTERFACE]);
    this.#addresses[machine] = address;
  }

  /** From now on nothing of TCP leaves it. */
  async blockTcp(machine: number): Promise<void> {
    await this.#tcpRule(machine, "-A");
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
    return await this.#machines[machine]!.run(...words);
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
    const all = [this.#switch, ...this.#machines, ...this.#routers];
    await Promise.all(all.map((namespace) => namespace.end()));
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

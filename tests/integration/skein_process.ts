/**
 * Real peers as real processes, for tests that kill them: free ports, a temporary directory, their logs in
 * memory, and an end for each whatever happens.
 */
import assert from "node:assert/strict";
import { eventually } from "../eventually.ts";
import { freePorts } from "../free_ports.ts";
import { skeinCommand } from "../skein_command.ts";
import { TextLineStream } from "./text_lines.ts";

export interface PeerOptions {
  readonly name: string;
  readonly directory: string;
  readonly httpPort: number;
  readonly peerPort: number;
  /** host:port of all peers, this one included; none for a peer that is alone. */
  readonly peers: readonly string[];
  readonly clusterKey: string;
  readonly flags: readonly string[];
}

/** The answer to a JSON request. */
export interface JsonAnswer {
  readonly status: number;
  // deno-lint-ignore no-explicit-any
  readonly body: any;
}

export class SkeinProcess {
  readonly options: PeerOptions;
  readonly log: string[] = [];
  #child: Deno.ChildProcess | null = null;
  #ended: Promise<Deno.CommandStatus> | null = null;

  constructor(options: PeerOptions) {
    this.options = options;
  }

  get name(): string {
    return this.options.name;
  }

  get url(): string {
    return `http://127.0.0.1:${this.options.httpPort}`;
  }

  get up(): boolean {
    return this.#child !== null;
  }

  get pid(): number {
    assert(this.#child !== null, `${this.name} is up`);
    return this.#child.pid;
  }

  start(): void {
    assert(this.#child === null, `${this.name} is down`);
    const { name, directory, httpPort, peerPort, peers, clusterKey, flags } = this.options;
    // deno-fmt-ignore
    const child = skeinCommand([
      "run", "--name", name, "--data", directory,
      "--http", String(httpPort), "--listen", `127.0.0.1:${peerPort}`,
      ...(peers.length === 0 ? [] : ["--peers", peers.join(",")]),
      "--cluster-key", clusterKey, "--log-format", "json", ...flags,
    ], { stdout: "null" }).spawn();
    this.#child = child;
    const lines = child.stderr.pipeThrough(new TextDecoderStream()).pipeThrough(
      new TextLineStream(),
    );
    const reading = (async () => {
      for await (const line of lines) this.log.push(line);
    })();
    this.#ended = Promise.all([child.status, reading]).then(([status]) => {
      if (this.#child === child) this.#child = null;
      return status;
    });
  }

  /** Sends a signal and waits for the end. */
  async end(signal: Deno.Signal = "SIGTERM"): Promise<Deno.CommandStatus | null> {
    if (this.#child === null) return null;
    this.#child.kill(signal);
    return await this.#ended;
  }

  /** As a power cut of the process: nothing is handed over. */
  async kill(): Promise<void> {
    await this.end("SIGKILL");
  }

  signal(signal: Deno.Signal): void {
    assert(this.#child !== null, `${this.name} is up`);
    this.#child.kill(signal);
  }

  /** Resolves when the process ends by itself. */
  get ended(): Promise<Deno.CommandStatus> {
    assert(this.#ended !== null, `${this.name} was started`);
    return this.#ended;
  }

  /** As `ended`. @throws by rejection where it does not end in time */
  async ends(timeoutMs = 60_000): Promise<Deno.CommandStatus> {
    const { ended } = this;
    await eventually(`${this.name} ends`, timeoutMs, () => assert.ok(!this.up));
    return await ended;
  }

  async get(path: string, timeoutMs = 10_000): Promise<JsonAnswer> {
    return await jsonRequest(this.url + path, { signal: AbortSignal.timeout(timeoutMs) });
  }

  async post(
    path: string,
    body: unknown,
    headers: Readonly<Record<string, string>> = {},
    timeoutMs = 10_000,
  ): Promise<JsonAnswer> {
    return await jsonRequest(this.url + path, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
  }

  /** How many lines of the log match. */
  logged(pattern: RegExp): number {
    return this.log.filter((line) => pattern.test(line)).length;
  }

  /** The sum of a metric over the label sets that hold `labels`, e.g. `reason="key"`. */
  async metric(name: string, labels = ""): Promise<number> {
    const response = await fetch(`${this.url}/metrics`, { signal: AbortSignal.timeout(10_000) });
    let sum = 0;
    for (const line of (await response.text()).split("\n")) {
      const [, of, set = "", value] = line.match(/^([a-z_]+)(\{.*\})? (\S+)$/) ?? [];
      if (of === name && set.includes(labels)) sum += Number(value);
    }
    return sum;
  }
}

export async function jsonRequest(url: string, init: RequestInit): Promise<JsonAnswer> {
  const response = await fetch(url, init);
  return { status: response.status, body: await response.json() };
}

export interface ClusterOptions {
  readonly peers?: number;
  readonly flags?: readonly string[];
  /** How many of the peers are started and waited for, the first ones; by default all. */
  readonly started?: number;
  /** Overrides where one peer keeps its data. */
  readonly directoryOf?: (number: number) => string | null;
  /** Changes what the peer of this place is started with, counted from 0. */
  readonly adapt?: (options: PeerOptions, place: number) => PeerOptions;
}

export class SkeinCluster {
  readonly peers: SkeinProcess[];
  readonly directory: string;

  constructor(options: ClusterOptions = {}) {
    this.directory = Deno.makeTempDirSync({ prefix: "skein-test-" });
    const count = options.peers ?? 3;
    const ports = freePorts(2 * count);
    const addresses = ports.slice(count).map((port) => `127.0.0.1:${port}`);
    const clusterKey = crypto.randomUUID();
    this.peers = Array.from({ length: count }, (_, place) => {
      const peer: PeerOptions = {
        name: `p${place + 1}`,
        directory: options.directoryOf?.(place + 1) ?? `${this.directory}/p${place + 1}`,
        httpPort: ports[place]!,
        peerPort: ports[count + place]!,
        peers: count === 1 ? [] : addresses,
        clusterKey,
        flags: options.flags ?? [],
      };
      return new SkeinProcess(options.adapt?.(peer, place) ?? peer);
    });
  }

  /** Runs a test over a cluster that is ready; on failure the logs' ends go to standard error. */
  static async with(
    options: ClusterOptions,
    test: (cluster: SkeinCluster) => Promise<void>,
  ): Promise<void> {
    const cluster = new SkeinCluster(options);
    try {
      for (const peer of cluster.peers.slice(0, options.started)) peer.start();
      if (cluster.running.length > 0) await cluster.ready();
      await test(cluster);
    } catch (error) {
      for (const { name, log } of cluster.peers) {
        console.error(`--- ${name}, last log lines\n${log.slice(-25).join("\n")}`);
      }
      throw error;
    } finally {
      await Promise.all(cluster.peers.map((peer) => peer.kill()));
      await Deno.remove(cluster.directory, { recursive: true });
    }
  }

  /** One more process that knows the peers there are; not started. */
  add(name: string, overrides: Partial<PeerOptions> = {}): SkeinProcess {
    const [httpPort, peerPort] = freePorts(2) as [number, number];
    const { peers, clusterKey, flags } = this.peers[0]!.options;
    const directory = `${this.directory}/${name}`;
    const options = { name, directory, httpPort, peerPort, peers, clusterKey, flags };
    const peer = new SkeinProcess({ ...options, ...overrides });
    this.peers.push(peer);
    return peer;
  }

  get running(): readonly SkeinProcess[] {
    return this.peers.filter(({ up }) => up);
  }

  async ready(peers = this.running): Promise<void> {
    await eventually("every peer is ready", 30_000, async () => {
      for (const peer of peers) {
        const { status, body } = await peer.get("/ready");
        assert.equal(status, 200, `${peer.name}: ${JSON.stringify(body)}`);
      }
    });
  }

  /** The one of the given peers that says that it leads group 0. */
  async leader(peers = this.running): Promise<SkeinProcess> {
    return await eventually("a leader", 20_000, async () => {
      for (const peer of peers) {
        const { body } = await peer.get("/raft/state");
        if (body.role === "leader") return peer;
      }
      throw new Error("no peer says that it leads");
    });
  }

  async followers(): Promise<readonly SkeinProcess[]> {
    const leader = await this.leader();
    return this.running.filter((peer) => peer !== leader);
  }
}

export { eventually, freePorts };

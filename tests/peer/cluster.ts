/**
 * A cluster of peers in this process: production logic over real sockets on free ports and storage that outlives a
 * peer's crash, in memory or in Redis. For tests of what peers do together, without processes.
 */
import assert from "node:assert/strict";
import { eventually } from "../eventually.ts";
import type { MakeCacheFront } from "../../src/cache/cache_front.ts";
import type { Logger, LogLevel } from "../../src/logger.ts";
import { createIdentity, type Identity, sign, verify } from "../../src/net/identity.ts";
import { TcpTransport } from "../../src/net/tcp_transport.ts";
import { PeerCore } from "../../src/peer/core.ts";
import { REAL_CLOCK } from "../../src/peer/real_clock.ts";
import { Random } from "../../src/random.ts";
import { freePorts } from "../integration/skein_process.ts";
import { type PeerState, PeerStates } from "./peer_states.ts";

export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
}

export interface ClusterOptions {
  readonly peers?: number;
  /** How many form the cluster; by default all. */
  readonly expect?: number;
  /** P and R; by default 16 and 3. */
  readonly partitions?: number;
  readonly replicas?: number;
  readonly snapshotEntries?: number;
  readonly deadPeerGraceMs?: number;
  /** The shortest; the longest is twice as long. */
  readonly electionTimeoutMs?: number;
  readonly cacheFlushIntervalMs?: number;
  /** What the peers' caches stand in front of. */
  readonly makeCacheFront?: MakeCacheFront;
  /** That in words. */
  readonly cacheFront?: string;
}

/** One peer of the cluster, which may be down. */
export class ClusterPeer {
  readonly name: string;
  readonly identity: Identity;
  readonly port: number;
  readonly state: PeerState;
  readonly lines: LogLine[] = [];
  readonly #cluster: TestCluster;
  /** Whether it has the list of the others; one that has none waits to be met. */
  readonly #hasList: boolean;
  #core: PeerCore | null = null;
  #transport: TcpTransport | null = null;

  constructor(cluster: TestCluster, number: number, hasList = true) {
    this.#cluster = cluster;
    this.#hasList = hasList;
    this.name = `p${number}`;
    this.state = cluster.states.of(this.name);
    this.identity = createIdentity(new Uint8Array(32).fill(number));
    [this.port] = freePorts(1) as [number];
  }

  get up(): boolean {
    return this.#core !== null;
  }

  get core(): PeerCore {
    assert(this.#core !== null, `${this.name} is up`);
    return this.#core;
  }

  async start(): Promise<void> {
    const { options } = this.#cluster;
    const address = `127.0.0.1:${this.port}`;
    const expect = this.#hasList ? options.expect ?? this.#cluster.founders : 0;
    const list = this.#hasList ? this.#cluster.peers : [];
    const { electionTimeoutMs = 300, partitions = 16, replicas = 3 } = options;
    const logger: Logger = {
      log: (level, message) => void this.lines.push({ level, message }),
    };
    const transport = new TcpTransport({
      identity: this.identity,
      clusterKey: new TextEncoder().encode("the key of a test's cluster"),
      listen: { host: "127.0.0.1", port: this.port },
      hello: {
        name: this.name,
        bootId: "",
        addresses: [address],
        httpUrl: "",
        zone: "",
        clusterId: null,
        expect: 0,
        version: "test",
      },
      peers: list.map((peer) => `127.0.0.1:${peer.port}`),
      clock: REAL_CLOCK,
      random: new Random(this.port),
      logger,
    });
    this.#transport = transport;
    const core = new PeerCore({
      self: this.identity.id,
      signer: {
        sign: (bytes) => sign(this.identity, bytes),
        verify: (signer, bytes, signature) => verify(signer, bytes, signature),
      },
      name: this.name,
      version: "test",
      zone: "",
      httpUrl: `http://${this.name}.test`,
      addresses: [address],
      expect,
      parameters: { partitions, replicas, systemVoters: 3 },
      timing: {
        electionTimeoutMinMs: electionTimeoutMs,
        electionTimeoutMaxMs: 2 * electionTimeoutMs,
        heartbeatMs: 50,
        snapshotEntries: options.snapshotEntries ?? 10_000,
        snapshotBytes: 64 * 1024 * 1024,
      },
      deadPeerGraceMs: options.deadPeerGraceMs ?? 60_000,
      queueBounds: { messagesMax: 100_000, bytesMax: 1e8, dedupMax: 100_000 },
      eventBounds: {
        identitiesMax: 1_000_000,
        retention: { ageMs: null, count: null, bytes: null, forgetAfterMs: null },
      },
      cacheBounds: { entriesMax: 1_000, bytesMax: 1e8 },
      cacheFlushIntervalMs: options.cacheFlushIntervalMs ?? 100,
      ...options.makeCacheFront === undefined ? {} : { makeCacheFront: options.makeCacheFront },
      ...options.cacheFront === undefined ? {} : { cacheFront: options.cacheFront },
      reopen: () => this.state.open(),
      transport,
      transportStatistics: () => transport.statistics(),
      clock: REAL_CLOCK,
      random: new Random(this.port, Date.now()),
      logger,
      stopping() {},
      makeBootId: () => crypto.randomUUID(),
      makeClusterId: () => crypto.randomUUID().replaceAll("-", ""),
      fatal: (error) => this.#cluster.bugs.push(error),
    }, await this.state.open());
    this.#core = core;
    await core.start();
  }

  async stop(): Promise<void> {
    await this.#core?.stop();
    this.#core = null;
  }

  /** As kill -9: nothing is handed over, and what was not synced is lost. */
  async crash(): Promise<void> {
    const { host, former } = this.core.generation;
    const crashed = this.state.crash();
    host.halt();
    former.stop();
    await crashed;
    await this.#transport?.close();
    this.#core = null;
  }

  get leads(): boolean {
    return this.up && this.core.groups.status(0)?.role === "leader";
  }
}

export class TestCluster {
  readonly options: ClusterOptions;
  readonly states = new PeerStates();
  readonly peers: ClusterPeer[] = [];
  readonly bugs: unknown[] = [];
  /** How many there are from the beginning. */
  readonly founders: number;

  constructor(options: ClusterOptions = {}) {
    this.options = options;
    this.founders = options.peers ?? 3;
    for (let number = 1; number <= this.founders; number++) {
      this.peers.push(new ClusterPeer(this, number));
    }
  }

  /** Runs a test over a cluster that is ready, and stops it, whatever happens. */
  static async with(
    options: ClusterOptions,
    test: (cluster: TestCluster) => Promise<void>,
  ): Promise<void> {
    const cluster = new TestCluster(options);
    try {
      await Promise.all(cluster.peers.map((peer) => peer.start()));
      await cluster.ready();
      await test(cluster);
    } finally {
      await Promise.all(cluster.peers.filter(({ up }) => up).map((peer) => peer.stop()));
      await cluster.states.remove();
    }
    assert.deepEqual(cluster.bugs, []);
  }

  /** Starts one more peer, which joins: by itself where it has a list. */
  async add({ hasList = true } = {}): Promise<ClusterPeer> {
    const peer = new ClusterPeer(this, this.peers.length + 1, hasList);
    this.peers.push(peer);
    await peer.start();
    return peer;
  }

  get running(): readonly ClusterPeer[] {
    return this.peers.filter(({ up }) => up);
  }

  get leader(): ClusterPeer | undefined {
    return this.running.find((peer) => peer.leads);
  }

  async ready(): Promise<void> {
    await eventually("every peer is ready", 10_000, () => {
      assert.deepEqual(this.bugs, []);
      for (const peer of this.running) assert.deepEqual(peer.core.ready().reasons, [], peer.name);
      assert.ok(this.leader !== undefined);
    });
  }
}

export { eventually };

/**
 * Readers and writers of some keys through all peers, and one ledger of what they were told. Each key has one writer,
 * who writes every number over the version before it: so a write that is done late, by a peer that was paused, finds
 * another version there.
 */
import assert from "node:assert/strict";
import { CacheLedger, type Lapse } from "./cache_ledger.ts";
import { eventually, type SkeinProcess } from "./skein_process.ts";

export interface CacheLoadOptions {
  readonly peers: readonly SkeinProcess[];
  readonly keys: number;
  readonly readers: number;
  /** A client rests so long between two requests. */
  readonly restMs: number;
  /** Chance that a writer goes to another peer for its next write. */
  readonly moveShare: number;
  readonly flushMs: number;
}

/** Of the peers: leases are short, so that a fault outlasts them. */
export const CACHE_LOAD_FLAGS: readonly string[] = [
  "--log-level",
  "warn",
  "--election-timeout",
  "0.5,1.0",
  "--heartbeat",
  "0.1",
];

/** Longer than any lease: 2.1 election timeouts and a renewal. */
const PAUSE_MS = 1_600;

const DURABLE_SHARE = 0.2;
const REQUEST_MS = 15_000;
/** Clients, and a machine that has much to do, add so much to the two flush intervals around a fault. */
const SLACK_MS = 400;
/** Two clocks, each in whole milliseconds, and a line's time, which is that of its peer's turn. */
const SPAN_SLACK_MS = 20;
/** A lease lasts half a second in these tests, and that it is over may be seen later. */
const SAID_LATE_MS = 1_500;

/** What became of a write. */
type Written =
  | { readonly kind: "done"; readonly version: string }
  | { readonly kind: "refused" | "unknown" };

export class CacheLoad {
  readonly ledger: CacheLedger;
  readonly #options: CacheLoadOptions;
  readonly #clients: Promise<void>[];
  #isOver = false;
  #failure: unknown = null;

  constructor(options: CacheLoadOptions) {
    this.#options = options;
    const lossMs = 2 * options.flushMs;
    this.ledger = new CacheLedger(lossMs + SLACK_MS, lossMs + SPAN_SLACK_MS);
    const writers = this.keys().map((key) => this.#write(key));
    const readers = Array.from({ length: options.readers }, () => this.#read());
    this.#clients = [...writers, ...readers].map(async (client) => {
      try {
        await client;
      } catch (error) {
        this.#failure ??= error;
      }
    });
  }

  keys(): readonly string[] {
    return Array.from({ length: this.#options.keys }, (_, place) => `key-${place}`);
  }

  /** @throws whatever ended a client, a broken promise of the cache above all */
  check(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  /** Resolves when so many more writes were told of. @throws as `check`, and where they do not come in time */
  async goesOn(what: string, writes: number, timeoutMs = 30_000): Promise<void> {
    const { totals } = this.ledger;
    const least = totals.writes + writes;
    await eventually(what, timeoutMs, () => {
      this.check();
      assert.ok(totals.writes >= least, JSON.stringify(totals));
    });
  }

  /** What was told, in a line. */
  summary(): string {
    const { writes, durable, unknown, reads, lost } = this.ledger.totals;
    return `${reads} reads, none stale; ${durable} durable writes, none lost; ` +
      `of ${writes - durable} others ${lost} lost, ${unknown} unknown`;
  }

  #peer(): SkeinProcess {
    const { peers } = this.#options;
    return peers[Math.floor(Math.random() * peers.length)]!;
  }

  async #rest(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, this.#options.restMs));
  }

  async #write(key: string): Promise<void> {
    let version: string | null = null;
    let peer = this.#peer();
    while (!this.#isOver) {
      await this.#rest();
      if (Math.random() < this.#options.moveShare) peer = this.#peer();
      const number = this.ledger.attempt(key, Date.now());
      const durable = Math.random() < DURABLE_SHARE;
      const written = await this.#put(peer, key, { value: number, durable, if_version: version });
      if (written.kind === "done") {
        this.ledger.written(key, number, durable, Date.now(), peer.name);
        version = written.version;
        continue;
      }
      if (written.kind === "refused") this.ledger.refused(key, number);
      else this.ledger.unknown();
      while (!this.#isOver) {
        const found = await this.readOnce(key, this.#peer());
        if (found !== null) {
          version = found.version;
          break;
        }
        await this.#rest();
      }
    }
  }

  async #put(
    peer: SkeinProcess,
    key: string,
    body: Record<string, unknown>,
  ): Promise<Written> {
    try {
      const answer = await peer.post("/cache/put", { key, ...body }, {}, REQUEST_MS);
      if (answer.status === 200) return { kind: "done", version: answer.body.version };
      return { kind: answer.status === 409 ? "refused" : "unknown" };
    } catch {
      return { kind: "unknown" };
    }
  }

  async #read(): Promise<void> {
    const keys = this.keys();
    while (!this.#isOver) {
      await this.#rest();
      await this.readOnce(keys[Math.floor(Math.random() * keys.length)]!, this.#peer());
    }
  }

  /** @returns what was read; null: there was no answer */
  async readOnce(
    key: string,
    peer: SkeinProcess,
  ): Promise<{ readonly number: number; readonly version: string | null } | null> {
    const begun = this.ledger.begin(key);
    let body: { value: number | null; version: string | null };
    try {
      const answer = await peer.post("/cache/get", { key }, {}, REQUEST_MS);
      if (answer.status !== 200) return null;
      body = answer.body;
    } catch {
      return null;
    }
    const number = body.value ?? 0;
    this.ledger.read(key, begun, number, Date.now(), peer.name);
    return { number, version: body.version };
  }

  /** The clients end; then every peer reads the same, and nothing older than what is known. */
  async finish(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#clients);
    this.check();
    for (const key of this.keys()) {
      for (const peer of this.#options.peers) {
        await eventually(`${peer.name} reads ${key}`, 30_000, async () => {
          const found = await this.readOnce(key, peer);
          if (found === null) throw new Error("no answer");
        });
      }
    }
    this.ledger.finish(this.#options.peers.flatMap(lapsesOf));
  }
}

/** What this peer says of leases that ended while it owned lines. */
function lapsesOf({ log }: SkeinProcess): readonly Lapse[] {
  return log.flatMap((line) => {
    const [, key] = /lost what was written to (\S+): its lease is over/.exec(line) ?? [];
    if (key === undefined) return [];
    const untilMs = Date.parse(JSON.parse(line)["@timestamp"]);
    return [{ key, fromMs: untilMs - SAID_LATE_MS, untilMs }];
  });
}

/** What it is asked meanwhile, and what it has on its way, is late when it goes on: its leases are over. */
export async function pauseBeyondLeases(peer: SkeinProcess): Promise<void> {
  peer.signal("SIGSTOP");
  try {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  } finally {
    peer.signal("SIGCONT");
  }
}

/**
 * Lines of one peer over a manual clock, with a home that a test speaks for: what they send is kept, and what the home
 * says is handed in. Partition 1 holds every key; the home is at H, in term 1.
 */
import assert from "node:assert/strict";
import type { PutAnswer } from "../../src/cache/cache.ts";
import type { Content, Written } from "../../src/cache/line.ts";
import { Lines } from "../../src/cache/lines.ts";
import type { LineWrite } from "../../src/cache/line_uses.ts";
import type {
  AskMessage,
  HomeMessage,
  PeerMessage,
  RenewMessage,
  ReportMessage,
  WriteBackMessage,
} from "../../src/cache/messages.ts";
import type { OwnHome } from "../../src/cache/peer_lease.ts";
import type { Grant } from "../../src/cache/version.ts";
import type { GroupStatus } from "../../src/groups/groups.ts";
import { ManualClock } from "../manual_clock.ts";

/** The minimum election timeout; a flush interval is a tenth of it. */
export const ET = 1_000;
export const FLUSH = 100;

type OfKind<K extends PeerMessage["kind"]> = Extract<PeerMessage, { readonly kind: K }>;

export interface HarnessOptions {
  readonly entriesMax?: number;
  readonly bytesMax?: number;
}

/** A clock whose wall time a test may move on alone, as a machine's that slept. */
export class TwoClocks extends ManualClock {
  sleptMs = 0;

  override wallMs(): number {
    return super.wallMs() + this.sleptMs;
  }
}

export class LinesHarness {
  readonly clock = new TwoClocks();
  readonly lines: Lines;
  readonly log: string[] = [];
  /** What was sent and not looked at, and where to. */
  sent: { readonly to: string; readonly message: PeerMessage }[] = [];
  /** What this peer's own replica knows; null: it has none. */
  status: { leader: string | null; term: number } | null = { leader: "H", term: 1 };
  own: OwnHome | null = null;
  /** Whom `ask` finds to lead, in which term; null: nobody. */
  found: { leader: string; term: number } | null = null;
  asked = 0;
  /** What this peer's own replica takes for group time, which the home says is the manual clock's; null: it has none. */
  replicaTimeMs: number | null = null;
  #counter = 0;
  #session = 100;

  constructor({ entriesMax = 1_000, bytesMax = 1e9 }: HarnessOptions = {}) {
    this.lines = new Lines({
      clock: this.clock,
      logger: { log: (_level, message) => void this.log.push(message) },
      groups: {
        leaderOf: () => this.status?.leader ?? this.found?.leader ?? null,
        status: () => this.status as GroupStatus | null,
        ask: () => {
          this.asked++;
          return this.found === null
            ? Promise.withResolvers<unknown>().promise
            : Promise.resolve(this.found.term);
        },
        answer() {},
      },
      post: {
        toHome: (message, home) => void this.sent.push({ to: home ?? "?", message }),
        renew: (to, message) => void this.sent.push({ to, message }),
      },
      bounds: { entriesMax, bytesMax },
      flushIntervalMs: FLUSH,
      electionTimeoutMs: ET,
      partitionOf: () => 1,
      ownHome: () => this.own,
      timeMs: () => this.replicaTimeMs,
    });
  }

  /** Messages of this kind that were sent and not looked at; they are looked at now. */
  take<K extends PeerMessage["kind"]>(kind: K): OfKind<K>[] {
    const taken = this.sent.filter(({ message }) => message.kind === kind);
    this.sent = this.sent.filter(({ message }) => message.kind !== kind);
    return taken.map(({ message }) => message as OfKind<K>);
  }

  only<K extends PeerMessage["kind"]>(kind: K): OfKind<K> {
    const [message, ...others] = this.take(kind);
    assert.ok(
      message !== undefined && others.length === 0,
      `one ${kind}, not ${others.length + 1}`,
    );
    return message;
  }

  hear(message: HomeMessage, from = "H"): void {
    this.lines.receive(from, message);
  }

  /** The home answers the report. */
  lease(report: ReportMessage = this.only("report"), isRebuilt = true): number {
    const { partition, term, serial } = report;
    const session = ++this.#session;
    const timeMs = this.clock.monotonicMs();
    this.hear({
      kind: "leased",
      partition,
      term,
      serial,
      session,
      isRebuilt,
      timeMs,
      outcomes: [],
    });
    return session;
  }

  /** The home answers a renewal of partition 1. */
  renew(renewal: RenewMessage = this.only("renew"), isLeased = true, isRebuilt = true): void {
    const { serial, leases: [lease] } = renewal;
    const { partition, term, session } = lease!;
    const timeMs = this.clock.monotonicMs();
    this.hear({ kind: "renewed", partition, term, serial, session, isLeased, isRebuilt, timeMs });
  }

  /** The home grants what was asked for. @param content what the key has; null: as the peer has it */
  grant(
    state: "S" | "E",
    content: Content | null = NOTHING,
    ask: AskMessage = this.only("ask"),
  ): Grant {
    const { partition, term, key, request } = ask;
    const grant = { term, counter: ++this.#counter };
    this.hear({ kind: "granted", partition, term, key, request, grant, state, content });
    return grant;
  }

  confirm({ partition, term, key, grant, content }: WriteBackMessage): void {
    const { version } = content;
    this.hear({ kind: "confirmed", partition, term, key, grant, version });
  }

  recall(key: string, grant: Grant, to: "S" | "I"): void {
    this.hear({ kind: "recall", partition: 1, term: grant.term, key, grant, to });
  }

  /** Has this line, by a lease and a grant of the home. */
  async owned(key: string): Promise<Grant> {
    const reading = this.lines.read(key, ET);
    if (this.sent.some(({ message }) => message.kind === "report")) this.lease();
    const grant = this.grant("E");
    await reading;
    return grant;
  }

  /** Time goes on, and the home answers every renewal meanwhile. */
  live(forMs: number): void {
    for (let passed = 0; passed < forMs; passed += FLUSH) {
      this.clock.advance(FLUSH);
      for (const renewal of this.take("renew")) this.renew(renewal);
    }
  }

  write(key: string, text: string): PutAnswer | null {
    return this.lines.writeHere(key, put(text));
  }

  text(key: string): string | null {
    const value = this.lines.hit(key)?.value ?? null;
    return value === null ? null : new TextDecoder().decode(value.data);
  }
}

export const NOTHING: Content = { version: null, value: null, expiresMs: null };

export function put(text: string, more: Partial<LineWrite> = {}): LineWrite {
  const data = new TextEncoder().encode(text);
  return { data, ttlMs: null, durable: false, ifVersion: undefined, ...more };
}

export function written(text: string, counter: number, expiresMs: number | null = null): Written {
  const version = { term: 1, counter, write: 1 };
  return { version, value: new TextEncoder().encode(text), expiresMs };
}

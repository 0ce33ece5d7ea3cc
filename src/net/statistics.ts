/**
 * What the transport counts. Refused handshakes are counted by reason and logged at most once in a while
 * for each reason, so that a flood of them does not become a flood of lines.
 */
import type { Clock } from "../clock.ts";
import type { Logger } from "../logger.ts";
import type { LinkView } from "./link_view.ts";

/**
 * Why a connection was refused before it was trusted. `key`: another cluster key. `version`: no common
 * protocol version. `garbage`: not our protocol, or a replay. `size`: more bytes than a handshake has.
 * `timeout`: not done in time. `too_many`: displaced by newer connections. `aborted`: it went away half
 * done. `self`: this peer itself. `identity`: another process that has this peer's keys.
 */
export type RefusalReason =
  | "key"
  | "version"
  | "garbage"
  | "size"
  | "timeout"
  | "too_many"
  | "aborted"
  | "self"
  | "identity";

export interface TransportStatistics {
  /** Connections in use, one for each connected peer. */
  readonly connections: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** One-way messages and answers that found no room in a queue, or no connection. */
  readonly messagesDropped: number;
  /** Frames of authenticated peers that were not of the protocol; each cost its connection. */
  readonly framesMalformed: number;
  readonly handshakesRefused: Readonly<Record<string, number>>;
  /** The connections in use. */
  readonly links: readonly LinkView[];
}

/** Of one kind of refusal, a line at most this often. */
const LOG_INTERVAL_MS = 10_000;

/** Reasons that an operator should see; the rest is the noise of any open port. */
const LOUD: ReadonlySet<RefusalReason> = new Set(["key", "version", "identity"]);

export class TransportCounters {
  bytesSent = 0;
  bytesReceived = 0;
  messagesDropped = 0;
  framesMalformed = 0;
  readonly #handshakesRefused = new Map<RefusalReason, number>();
  readonly #loggedAtMs = new Map<string, number>();
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** @param remote the other side's address, for the log */
  refused(reason: RefusalReason, remote: string, detail: string): void {
    this.#handshakesRefused.set(reason, (this.#handshakesRefused.get(reason) ?? 0) + 1);
    this.#log(reason, reason, `connection refused: ${detail}`, remote);
  }

  /** The other side says that it refused us: nothing to count here, but the operator should know. */
  refusedBy(reason: RefusalReason, remote: string): void {
    this.#log(`by ${reason}`, reason, `a peer refuses this peer: ${reason}`, remote);
  }

  #log(key: string, reason: RefusalReason, line: string, remote: string): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - (this.#loggedAtMs.get(key) ?? -Infinity) < LOG_INTERVAL_MS) return;
    this.#loggedAtMs.set(key, nowMs);
    this.#logger.log(LOUD.has(reason) ? "warn" : "debug", line, { reason, remote });
  }

  snapshot(links: readonly LinkView[]): TransportStatistics {
    return {
      links,
      connections: links.length,
      bytesSent: this.bytesSent,
      bytesReceived: this.bytesReceived,
      messagesDropped: this.messagesDropped,
      framesMalformed: this.framesMalformed,
      handshakesRefused: Object.fromEntries(this.#handshakesRefused),
    };
  }
}

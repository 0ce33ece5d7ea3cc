/**
 * A line: an open stream of bytes to somebody who is not trusted yet. There are two kinds, a TCP socket
 * (`tcp_line.ts`) and a stream of the swarm (`swarm_line.ts`); what is behind them, from the handshake on, does not
 * know which it has but by `way`.
 */
import type { Gate } from "./gate.ts";
import type { Identity } from "./identity.ts";
import type { SecretStream } from "./secret_stream.ts";

/** Where both can be had, `tcp` is used: it is faster, and costs this process less. */
export type Way = "tcp" | "swarm";

export interface SecuredLine {
  readonly stream: SecretStream;
  /** Between the stream and the line; shut. */
  readonly gate: Gate;
}

/** What a line measures of itself. */
export interface LineMeasures {
  /** Smoothed. */
  readonly roundTripMs: number;
  /** Packets that were sent more than once. */
  readonly retransmissions: number;
  /** Packets that may be on their way at once. */
  readonly congestionWindowPackets: number;
}

export interface Line {
  readonly way: Way;
  /** Whether this side began it. */
  readonly isInitiator: boolean;
  /** The other end, for the log. */
  readonly remote: string;
  /** Puts the secret stream on it; called once. */
  secure(identity: Identity): SecuredLine;
  /** Null where it does not. */
  measures(): LineMeasures | null;
  /** @param ended called once, when it is closed, whoever closed it */
  onceClosed(ended: () => void): void;
  /** Closes it at once. */
  destroy(): void;
}

/**
 * What a stream asks of whoever runs it. The core calls these while it works on a packet, a write or a
 * timeout, and never from anywhere else; each may call the core again, which expects that.
 */

/** Where packets go. To the core it says only how large the headers before ours are. */
export interface Route {
  readonly family: 4 | 6;
}

/** Why a stream closed, where it did not end in peace. */
export type CloseReason = "ECONNRESET" | "ETIMEDOUT";

export interface StreamOutput<R extends Route> {
  /** @param packet may be kept; the core writes into it again only to send it again */
  transmit(packet: Uint8Array, route: R): void;
  /** The next bytes of the stream. `StreamCore.read` tells when they were taken. */
  deliver(payload: Uint8Array): void;
  /** The other end's last byte was delivered. */
  ended(): void;
  /** An unordered message. */
  message(payload: Uint8Array): void;
  /** A writer that was asked to wait may go on. */
  drained(): void;
  /** More of what was written is acknowledged in order. */
  acknowledged(): void;
  /** All that was in flight when the remote changed is acknowledged. */
  remoteChanged(): void;
  /** The stream is over; nothing is called after it. */
  closed(reason: CloseReason | null): void;
  /** Asks for one call of `StreamCore.turnEnded`, when what came at once has been handed in. */
  turn(): void;
}

/**
 * A line over a stream of the swarm: a secret stream whose Noise handshake went through the DHT, so that both ends know
 * each other's identity from its beginning. Whoever makes such streams has put a gate below each, for nobody else can.
 */
import { assert } from "../assert.ts";
import { LIMITS } from "../limits.ts";
import { Gate, type GatedStream } from "./gate.ts";
import { type Identity, peerIdOf } from "./identity.ts";
import type { Line, LineMeasures, SecuredLine } from "./line.ts";
import type { SecretStream } from "./secret_stream.ts";

/** Messages up to and including the other side's proof: the secret stream's header, and the proof. */
const MESSAGES_MAX = 2;

/** A stream of UDX, which tells how it fares. */
export interface MeasuringStream extends GatedStream {
  /** Smoothed, in milliseconds. */
  readonly rtt: number;
  /** Packets. */
  readonly cwnd: number;
  readonly retransmits: number;
}

/** The gate to put below a stream of the swarm before anything of the other side is read. */
export function gateSwarmStream(stream: MeasuringStream): Gate<MeasuringStream> {
  return new Gate(stream, { messagesMax: MESSAGES_MAX, bytesMax: LIMITS.handshakeBytesMax });
}

export class SwarmLine implements Line {
  readonly way = "swarm";
  readonly remote: string;
  readonly #stream: SecretStream;
  readonly #gate: Gate<MeasuringStream>;

  /** @throws {AssertionError} for a stream that has no gate from `gateSwarmStream` */
  constructor(stream: SecretStream) {
    assert(stream.rawStream instanceof Gate, "a stream of the swarm has a gate");
    assert(stream.remotePublicKey !== null, "a stream of the swarm knows its other end");
    this.#stream = stream;
    this.#gate = stream.rawStream;
    this.remote = `swarm ${peerIdOf(stream.remotePublicKey)}`;
    stream.on("error", () => {});
  }

  get isInitiator(): boolean {
    return this.#stream.isInitiator;
  }

  /** @param _identity is in the stream already: the swarm has this peer's key pair */
  secure(_identity: Identity): SecuredLine {
    return { stream: this.#stream, gate: this.#gate };
  }

  measures(): LineMeasures {
    const { rtt, retransmits, cwnd } = this.#gate.source;
    return { roundTripMs: rtt, retransmissions: retransmits, congestionWindowPackets: cwnd };
  }

  onceClosed(ended: () => void): void {
    this.#stream.on("close", ended);
  }

  destroy(): void {
    this.#stream.destroy();
  }
}

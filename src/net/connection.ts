/**
 * A trusted connection to one peer: frames in, frames out. Frames that are written in one go of the event
 * loop leave together as one encrypted message (or several, where there is much), because sealing and
 * writing cost the same for one small frame as for fifty. What cannot be sent yet waits in a bounded
 * queue; past the bound the caller is told.
 *
 * A frame that is not of the protocol closes the connection. Which connection of a pair is used is not
 * decided here (`pairing.ts`).
 */
import type { PeerId } from "../raft/entry.ts";
import { LIMITS } from "../limits.ts";
import { FRAME_HEADER_BYTES, FrameDecoder } from "../codec/frame_decoder.ts";
import { FrameQueue } from "../codec/frame_queue.ts";
import { decode, encodeShared } from "../codec/msgpack.ts";
import type { Authenticated } from "./handshake.ts";
import type { Line, Way } from "./line.ts";
import { type Frame, KIND, parseFrame } from "./protocol.ts";
import type { SecretStream } from "./secret_stream.ts";
import type { TransportCounters } from "./statistics.ts";

/** Bytes in one message of the secret stream: large enough to seal at full speed, small enough to overlap. */
const MESSAGE_BYTES_MAX = 256 * 1024;

/**
 * `candidate`: trusted, but perhaps one of several. `greeting`: chosen, the other side's hello is
 * awaited. `active`: in use. `closed`: gone.
 */
export type ConnectionStage = "candidate" | "greeting" | "active" | "closed";

export type Enqueued = "queued" | "full" | "too_large" | "closed";

export interface ConnectionListener {
  frame(connection: Connection, frame: Frame): void;
  /** Called once; nothing is heard of the connection any more. */
  closed(connection: Connection, reason: string): void;
}

/** How a connection fares; null where nobody knows. */
export interface ConnectionMeasures {
  readonly roundTripMs: number | null;
  readonly retransmissions: number | null;
  readonly congestionWindowPackets: number | null;
}

export class Connection {
  readonly peer: PeerId;
  readonly way: Way;
  /** The other side's process: new at each of its starts. */
  readonly instance: string;
  /** Whether this side dialled. */
  readonly isInitiator: boolean;
  /** The protocol version and the features that both sides speak. */
  readonly version: number;
  readonly features: readonly string[];
  /** The other side said in its proof that it already had a connection to us in use. */
  readonly remoteIsConnected: boolean;
  stage: ConnectionStage = "candidate";
  /** Rounds of the keepalive since something arrived. */
  silentRounds = 0;
  readonly #line: Line;
  /** When the ping that is not answered yet left; null: none is out. */
  #pingedAtMs: number | null = null;
  /** Of the last ping that was answered. */
  #roundTripMs: number | null = null;
  readonly #stream: SecretStream;
  readonly #listener: ConnectionListener;
  readonly #counters: TransportCounters;
  readonly #frameBytesMax: number;
  readonly #queue = new FrameQueue();
  readonly #decoder: FrameDecoder;
  readonly #flush = () => this.#flushNow();
  #flushScheduled = false;
  #writable = true;
  /** `end` was called, and then: the stream was told. */
  #ending = false;
  #ended = false;

  constructor(
    authenticated: Authenticated,
    listener: ConnectionListener,
    counters: TransportCounters,
    frameBytesMax: number,
  ) {
    this.peer = authenticated.peer;
    this.#line = authenticated.line;
    this.way = authenticated.line.way;
    this.instance = authenticated.instance;
    this.isInitiator = authenticated.isInitiator;
    this.version = authenticated.version;
    this.features = authenticated.features;
    this.remoteIsConnected = authenticated.remoteIsConnected;
    this.#stream = authenticated.stream;
    this.#listener = listener;
    this.#counters = counters;
    this.#frameBytesMax = frameBytesMax;
    this.#decoder = new FrameDecoder(frameBytesMax);
    const stream = this.#stream;
    stream.on("data", (bytes) => this.#receive(bytes));
    stream.on("drain", () => {
      this.#writable = true;
      this.#flushNow();
    });
    stream.on("end", () => this.close("the other side ended it"));
    stream.on("error", (error) => this.close(error.message));
    stream.on("close", () => this.close("it broke"));
    authenticated.open();
  }

  /** Bytes that wait to be sent. */
  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  /** @param frame `[kind, …]`; encoded at once, so it may be changed afterwards */
  enqueue(frame: readonly unknown[]): Enqueued {
    if (this.stage === "closed" || this.#ending) return "closed";
    const body = encodeShared(frame);
    if (body.length > this.#frameBytesMax) return "too_large";
    const bytes = FRAME_HEADER_BYTES + body.length;
    if (this.#queue.bytes + bytes > LIMITS.sendQueueBytesMax) return "full";
    this.#queue.append(body);
    this.#counters.bytesSent += bytes;
    if (this.#writable && !this.#flushScheduled) {
      this.#flushScheduled = true;
      queueMicrotask(this.#flush);
    }
    return "queued";
  }

  /** Asks for a sign of life. */
  ping(nowMs: number): void {
    this.enqueue([KIND.ping]);
    this.#pingedAtMs ??= nowMs;
  }

  /** A ping was answered. */
  ponged(nowMs: number): void {
    if (this.#pingedAtMs !== null) this.#roundTripMs = nowMs - this.#pingedAtMs;
    this.#pingedAtMs = null;
  }

  measures(): ConnectionMeasures {
    const measured = this.#line.measures();
    return {
      roundTripMs: measured?.roundTripMs ?? this.#roundTripMs,
      retransmissions: measured?.retransmissions ?? null,
      congestionWindowPackets: measured?.congestionWindowPackets ?? null,
    };
  }

  /** Sends what waits, then closes; the other side sees an orderly end. */
  end(): void {
    if (this.stage === "closed" || this.#ending) return;
    this.#ending = true;
    this.#flushNow();
  }

  /** Closes at once; what waits is lost. */
  close(reason: string): void {
    if (this.stage === "closed") return;
    this.stage = "closed";
    this.#stream.destroy();
    this.#listener.closed(this, reason);
  }

  #flushNow(): void {
    this.#flushScheduled = false;
    if (this.stage === "closed") return;
    while (this.#writable && this.#queue.bytes > 0) {
      const message = this.#stream.alloc(Math.min(this.#queue.bytes, MESSAGE_BYTES_MAX));
      this.#queue.takeInto(message);
      this.#writable = this.#stream.write(message);
    }
    if (!this.#ending || this.#ended || this.#queue.bytes > 0) return;
    this.#ended = true;
    this.#stream.end();
  }

  #receive(bytes: Uint8Array): void {
    if (this.stage === "closed") return;
    this.silentRounds = 0;
    this.#counters.bytesReceived += bytes.length;
    // A plain array of bytes: a `Buffer`, sliced, would be a view where everyone expects a copy.
    this.#decoder.push(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    while (true) {
      const body = this.#decoder.next();
      if (body === null) break;
      const decoded = decode(body);
      const frame = decoded.ok ? parseFrame(decoded.value) : null;
      if (frame === null) {
        this.closeMalformed(decoded.ok ? "a frame is not of the protocol" : decoded.reason);
        return;
      }
      this.#listener.frame(this, frame);
      if (this.#isClosed()) return;
    }
    if (this.#decoder.failure !== null) this.closeMalformed(this.#decoder.failure);
  }

  /** Apart, because the compiler does not know that handling a frame may close the connection. */
  #isClosed(): boolean {
    return this.stage === "closed";
  }

  /** Closes because of what the other side sent. */
  closeMalformed(reason: string): void {
    this.#counters.framesMalformed++;
    this.close(`malformed frame: ${reason}`);
  }
}

/**
 * UDX: sockets and the streams over them. Owns the table of streams, which is one for all its sockets, their
 * timers and their turns. Nothing of it is global.
 */
import { isIP, isIPv4, isIPv6 } from "./address.ts";
import { DENO_RUNTIME } from "./deno_runtime.ts";
import { NetworkInterfaces } from "./network_interfaces.ts";
import { streamIdOf } from "./protocol/packet.ts";
import { LateStreams } from "./late_streams.ts";
import type { NetworkInterface, Runtime, RuntimeTimer } from "./runtime.ts";
import { UDXSocket, type UDXSocketOptions } from "./udx_socket.ts";
import { UDXStream, type UDXStreamOptions } from "./udx_stream.ts";

interface Armed {
  readonly atMs: number;
  readonly timer: RuntimeTimer;
}

/** A reader that answers at once does so within as many microtasks, other streams on top of ours included. */
const REPLY_MICROTASKS = 12;

/**
 * @example
 * ```ts
 * import { UDX } from "./mod.ts";
 *
 * const udx = new UDX();
 * const [left, right] = [udx.createSocket(), udx.createSocket()];
 * left.bind(0, "127.0.0.1");
 * right.bind(0, "127.0.0.1");
 * const [writer, reader] = [udx.createStream(1), udx.createStream(2)];
 * writer.connect(left, 2, right.address()!.port);
 * reader.connect(right, 1, left.address()!.port);
 * writer.end("hello");
 * reader.end();
 * for await (const bytes of reader) console.log(new TextDecoder().decode(bytes));
 * await Promise.all([left.close(), right.close()]);
 * ```
 */
export class UDX {
  readonly runtime: Runtime;
  readonly #streams = new Map<number, UDXStream>();
  readonly #late: LateStreams;
  readonly #armed = new Map<UDXStream, Armed>();
  readonly #watches = new Set<NetworkInterfaces>();
  /** Streams that asked for the end of the turn. */
  #turns: UDXStream[] = [];
  #microtasksLeft = 0;

  /** @param runtime Deno's, if none is given */
  constructor(runtime: Runtime = DENO_RUNTIME) {
    this.runtime = runtime;
    this.#late = new LateStreams();
  }

  static isIP(host: string): number {
    return isIP(host);
  }

  static isIPv4(host: string): boolean {
    return isIPv4(host);
  }

  static isIPv6(host: string): boolean {
    return isIPv6(host);
  }

  /** A socket that is not bound yet. */
  createSocket(options?: UDXSocketOptions): UDXSocket {
    return new UDXSocket(this, options);
  }

  /**
   * @param id that the other end sends to: an integer of 32 bits that no open stream has
   * @throws {RangeError} where one has
   */
  createStream(id: number, options?: UDXStreamOptions): UDXStream {
    if (!Number.isInteger(id) || id < 0 || id > 0xffff_ffff) {
      throw new RangeError(`${id} is no id of a stream`);
    }
    if (this.#streams.has(id)) throw new RangeError(`the stream ${id} exists`);
    const stream = new UDXStream(this, id, options);
    this.#streams.set(id, stream);
    return stream;
  }

  /** Empty where the runtime does not tell. */
  networkInterfaces(): NetworkInterface[] {
    for (const { interfaces } of this.#watches) return interfaces;
    return this.runtime.networkInterfaces();
  }

  watchNetworkInterfaces(
    changed?: (interfaces: NetworkInterface[]) => void,
  ): NetworkInterfaces {
    const watch = new NetworkInterfaces(this.runtime);
    this.#watches.add(watch);
    watch.on("close", () => this.#watches.delete(watch));
    if (changed !== undefined) watch.on("change", changed);
    return watch.watch();
  }

  lookup(
    host: string,
    { family = 0 }: { readonly family?: 0 | 4 | 6 } = {},
  ): Promise<{ host: string; family: 4 | 6 }> {
    return this.runtime.lookup(host, family);
  }

  /** A datagram that a socket received. @returns false when it belongs to no stream */
  receive(socket: UDXSocket, packet: Uint8Array, host: string, port: number): boolean {
    const id = streamIdOf(packet);
    if (id < 0) return false;
    const stream = this.#streams.get(id);
    if (stream === undefined) return this.#late.receive(id, this.runtime.nowMs(), packet);
    if (stream.socket !== socket && stream.refuses(socket, port, host)) return true;
    if (stream.core.closed) return true;
    stream.bytesReceived += packet.length;
    stream.packetsReceived++;
    stream.core.receive(this.runtime.nowMs(), packet);
    this.arm(stream);
    return true;
  }

  /** Sees to it that the stream's timeout comes when it is due. For streams. */
  arm(stream: UDXStream): void {
    const dueAtMs = stream.core.deadlineMs;
    const armed = this.#armed.get(stream);
    // One that is early looks again; that is cheaper than a new timer for each packet.
    if (dueAtMs === Infinity || (armed !== undefined && armed.atMs <= dueAtMs)) return;
    armed?.timer.cancel();
    const delayMs = Math.max(0, dueAtMs - this.runtime.nowMs());
    const timer = this.runtime.timer(delayMs, () => {
      this.#armed.delete(stream);
      const nowMs = this.runtime.nowMs();
      if (stream.core.deadlineMs <= nowMs) stream.core.timeout(nowMs);
      this.arm(stream);
    });
    this.#armed.set(stream, { atMs: dueAtMs, timer });
  }

  /** Calls the stream's core at the end of the turn. For streams. */
  turn(stream: UDXStream): void {
    if (this.#turns.push(stream) > 1) return;
    this.#microtasksLeft = REPLY_MICROTASKS;
    queueMicrotask(this.#awaitReplies);
  }

  /**
   * Most small messages are answered at once, and the answer is their acknowledgement: where it has left by now, the end
   * of the turn need not be waited for, which costs more than all that is done in it.
   */
  readonly #awaitReplies = (): void => {
    if (this.#microtasksLeft-- > 0) queueMicrotask(this.#awaitReplies);
    else if (this.#turns.some(({ core }) => core.hasTurnWork)) this.runtime.turn(this.#endTurn);
    else this.#endTurn();
  };

  readonly #endTurn = (): void => {
    const streams = this.#turns;
    this.#turns = [];
    const nowMs = this.runtime.nowMs();
    for (const asked of streams) {
      asked.core.turnEnded(nowMs);
      this.arm(asked);
    }
  };

  /** The stream is closed. For streams. */
  forget(stream: UDXStream): void {
    this.#armed.get(stream)?.timer.cancel();
    this.#armed.delete(stream);
    if (this.#streams.get(stream.id) === stream) this.#streams.delete(stream.id);
    this.#late.add(stream.id, stream.core.lastWord, this.runtime.nowMs());
  }
}

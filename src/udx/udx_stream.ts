/**
 * A stream of UDX as users have it: a Duplex of streamx around the core of the protocol. It turns writes into
 * calls of the core, and what the core says into events; and it holds back what its reader has no room for,
 * so that the window towards the other end closes.
 */
import { checkPort, familyOf, unmap } from "./address.ts";
import { BOUNDS } from "./protocol/bounds.ts";
import { StreamCore } from "./protocol/stream_core.ts";
import type { CloseReason, StreamOutput } from "./protocol/stream_output.ts";
import { type Callback, drained, DuplexStream } from "./streamx.ts";
import type { UDX } from "./udx.ts";
import type { UDXRoute } from "./udx_route.ts";
import type { UDXSocket } from "./udx_socket.ts";

export type Firewall = (
  socket: UDXSocket,
  port: number,
  host: string,
  family: 4 | 6,
) => boolean;

export interface UDXStreamOptions {
  /** Asked of each packet that comes over another socket than the stream's own; true drops the packet. */
  readonly firewall?: Firewall;
  /** How the reader cuts the bytes up. It shows in nothing but speed, and is ignored. */
  readonly framed?: boolean;
}

interface Flush {
  readonly upToBytes: number;
  readonly resolve: (flushed: boolean) => void;
}

const ENCODER = new TextEncoder();
/** A stream that nobody connected takes nothing from strangers. */
const DROP_ALL: Firewall = () => true;

/**
 * Emits what every Duplex does, and `connect`, `message(bytes)` and `remote-changed`. The other end's destroying
 * is an error with the code ECONNRESET, its silence one with ETIMEDOUT.
 */
export class UDXStream extends DuplexStream implements StreamOutput<UDXRoute> {
  readonly id: number;
  readonly udx: UDX;
  /** Null before `connect` and after the close. */
  socket: UDXSocket | null = null;
  remoteId = 0;
  remoteHost: string | null = null;
  remotePort = 0;
  remoteFamily: 0 | 4 | 6 = 0;
  userData: unknown = null;
  bytesTransmitted = 0;
  packetsTransmitted = 0;
  bytesReceived = 0;
  packetsReceived = 0;
  readonly core: StreamCore<UDXRoute>;
  readonly #firewall: Firewall;
  /** Delivered, while the reader has enough. */
  readonly #unread: Uint8Array[] = [];
  #readerFull = false;
  #allDelivered = false;
  #afterWrite: Callback | null = null;
  #afterDestroy: Callback | null = null;
  readonly #flushes: Flush[] = [];
  #previousSocket: UDXSocket | null = null;
  #changing: Promise<void> | null = null;

  /** Use `UDX.createStream`. */
  constructor(udx: UDX, id: number, { firewall = DROP_ALL }: UDXStreamOptions = {}) {
    super({ mapWritable: toBytes, eagerOpen: true });
    this.udx = udx;
    this.id = id;
    this.#firewall = firewall;
    this.core = new StreamCore(id, this, udx.runtime.nowMs());
  }

  get connected(): boolean {
    return this.socket !== null;
  }

  /** The largest packet, with all its headers, that the path is known to carry. */
  get mtu(): number {
    return this.core.sender.mtuBytes;
  }

  /** Smoothed, in milliseconds. */
  get rtt(): number {
    return this.core.sender.flight.roundTrip.smoothedMs;
  }

  /** Packets that may be in flight. */
  get cwnd(): number {
    return this.core.sender.flight.windowPackets;
  }

  /** Packets. */
  get inflight(): number {
    return this.core.sender.flight.outstanding.inFlight.size;
  }

  get retransmits(): number {
    return this.core.sender.flight.counters.retransmissions;
  }

  get rtoCount(): number {
    return this.core.sender.flight.counters.timeouts;
  }

  get fastRecoveries(): number {
    return this.core.sender.flight.counters.fastRecoveries;
  }

  get localHost(): string | null {
    return this.socket?.address()?.host ?? null;
  }

  get localFamily(): 0 | 4 | 6 {
    return this.socket?.address()?.family ?? 0;
  }

  get localPort(): number {
    return this.socket?.address()?.port ?? 0;
  }

  /** Every stream here is interactive. Part of the original's interface. */
  setInteractive(_interactive: boolean): void {}

  /** @param keepaliveMs of silence after which a heartbeat leaves; 0 for none */
  setKeepalive(keepaliveMs: number): void {
    if (this.core.closed) return;
    this.core.sender.setKeepalive(this.udx.runtime.nowMs(), keepaliveMs);
    this.udx.arm(this);
  }

  /**
   * Says where the other end is, which must do the same with the ids exchanged. Sends nothing.
   * @throws {Error} when it is connected, the socket is closed, or the address is none
   */
  connect(socket: UDXSocket, remoteId: number, port: number, host?: string | null): void {
    if (this.core.closed) return;
    if (this.connected) throw new Error("Already connected");
    if (socket.closing) throw new Error("Socket is closed");
    const route = this.#setRemote(socket, remoteId, port, host);
    this.core.connect(this.udx.runtime.nowMs(), route, remoteId);
    socket.addStream(this);
    this.udx.arm(this);
    this.emit("connect");
  }

  /**
   * Moves the stream to another address, socket or stream of the other end, without loss.
   * @returns when all that was in flight is acknowledged
   * @throws {Error} when it is not connected, or is changing already
   */
  changeRemote(
    socket: UDXSocket,
    remoteId: number,
    port: number,
    host?: string | null,
  ): Promise<void> {
    if (this.#changing !== null) throw new Error("Remote already changing");
    if (this.socket === null) throw new Error("Not yet connected");
    if (socket.closing) throw new Error("Socket is closed");
    if (this.socket.udx !== socket.udx) {
      throw new Error("Cannot change to a socket on another UDX instance");
    }
    const previous = this.socket;
    const route = this.#setRemote(socket, remoteId, port, host);
    if (previous !== socket) this.#previousSocket = previous;
    socket.addStream(this);
    this.#changing = new Promise((resolve, reject) => {
      const done = () => {
        this.off("close", failed);
        resolve();
      };
      const failed = () => {
        this.off("remote-changed", done);
        reject(new Error("Stream is closed"));
      };
      this.once("remote-changed", done).once("close", failed);
    });
    const changing = this.#changing;
    if (this.core.changeRemote(this.udx.runtime.nowMs(), route, remoteId)) this.remoteChanged();
    return changing;
  }

  /** From now on what comes for this stream goes to the other's remote. The other's close destroys this one. */
  relayTo(destination: UDXStream): void {
    if (!this.core.closed) this.core.relayTo(destination.core);
  }

  /** A message of one packet that may be lost or overtake others. @returns whether it was sent */
  // deno-lint-ignore require-await -- a promise, as in the original
  async send(bytes: Uint8Array): Promise<boolean> {
    if (!this.#maySend(bytes)) return false;
    this.core.sendMessage(bytes);
    return true;
  }

  trySend(bytes: Uint8Array): void {
    if (this.#maySend(bytes)) this.core.sendMessage(bytes);
  }

  /** @returns when all that was written is acknowledged; false where the stream was destroyed before */
  async flush(): Promise<boolean> {
    if (!await drained(this) || this.destroying || this.core.closed) return false;
    const upToBytes = this.core.sender.writtenBytes;
    if (this.core.sender.acknowledgedBytes >= upToBytes) return true;
    return new Promise((resolve) => this.#flushes.push({ upToBytes, resolve }));
  }

  toJSON(): Record<string, unknown> {
    const { id, connected, destroying, destroyed, remoteId, remoteHost, remoteFamily } = this;
    const { remotePort, mtu, rtt, cwnd, inflight } = this;
    const remote = { remoteId, remoteHost, remoteFamily, remotePort };
    const socket = this.socket?.toJSON() ?? null;
    return { id, connected, destroying, destroyed, ...remote, mtu, rtt, cwnd, inflight, socket };
  }

  /** Whether a packet from there is dropped. For the table of streams. */
  refuses(socket: UDXSocket, port: number, host: string): boolean {
    if (socket === this.socket) return false;
    const from = unmap(host);
    return port <= 0 || this.#firewall(socket, port, from, familyOf(from));
  }

  // What streamx asks for.

  override _read(done: Callback): void {
    this.#readerFull = false;
    this.#feedReader();
    done(null);
  }

  override _writev(chunks: Uint8Array[], done: Callback): void {
    if (!this.connected) {
      done(new Error("Writing while not connected is not supported"));
      return;
    }
    const nowMs = this.udx.runtime.nowMs();
    let writable = true;
    for (const chunk of chunks) writable = this.core.write(nowMs, chunk);
    this.udx.arm(this);
    if (writable) done(null);
    else this.#afterWrite = done;
  }

  override _final(done: Callback): void {
    if (this.connected) {
      this.core.end(this.udx.runtime.nowMs());
      this.udx.arm(this);
    }
    done(null);
  }

  override _predestroy(): void {
    this.core.destroy();
    this.#continueWrite();
  }

  override _destroy(done: Callback): void {
    if (this.core.closed) done(null);
    else if (this.connected) this.#afterDestroy = done;
    else {
      this.core.destroy();
      done(null);
    }
  }

  // What the core says.

  transmit(packet: Uint8Array, { socket, to }: UDXRoute): void {
    this.bytesTransmitted += packet.length;
    this.packetsTransmitted++;
    socket.transmit(packet, to);
  }

  deliver(payload: Uint8Array): void {
    if (this.#readerFull) this.#unread.push(payload);
    else this.#push(payload);
  }

  ended(): void {
    this.#allDelivered = true;
    if (this.#unread.length === 0) this.push(null);
  }

  message(payload: Uint8Array): void {
    this.emit("message", payload);
  }

  drained(): void {
    this.#continueWrite();
  }

  acknowledged(): void {
    const { acknowledgedBytes } = this.core.sender;
    while (this.#flushes.length > 0 && this.#flushes[0]!.upToBytes <= acknowledgedBytes) {
      this.#flushes.shift()!.resolve(true);
    }
  }

  remoteChanged(): void {
    this.#previousSocket?.removeStream(this);
    this.#previousSocket = null;
    this.#changing = null;
    this.emit("remote-changed");
  }

  closed(reason: CloseReason | null): void {
    this.udx.forget(this);
    this.socket?.removeStream(this);
    this.socket = null;
    this.#previousSocket?.removeStream(this);
    this.#previousSocket = null;
    for (const { resolve } of this.#flushes.splice(0)) resolve(false);
    const error = reason === null ? null : closeError(reason);
    if (this.#afterDestroy !== null) {
      const done = this.#afterDestroy;
      this.#afterDestroy = null;
      done(error);
    } else if (error !== null) this.destroy(error);
    this.#continueWrite();
  }

  turn(): void {
    this.udx.turn(this);
  }

  #setRemote(
    socket: UDXSocket,
    remoteId: number,
    port: number,
    host: string | null | undefined,
  ): UDXRoute {
    const to = host || "127.0.0.1";
    const family = familyOf(to);
    checkPort(port);
    if (!socket.bound) socket.bind(0);
    this.remoteId = remoteId;
    this.remotePort = port;
    this.remoteHost = to;
    this.remoteFamily = family;
    this.socket = socket;
    return { family, socket, to: socket.resolve(to, port) };
  }

  #maySend(bytes: Uint8Array): boolean {
    return this.connected && !this.core.closed &&
      bytes.length + BOUNDS.headerBytes <= BOUNDS.messageBytesMax;
  }

  #push(payload: Uint8Array): void {
    this.#readerFull = !this.push(payload);
    this.core.read(payload.length);
  }

  #feedReader(): void {
    let at = 0;
    while (at < this.#unread.length && !this.#readerFull) this.#push(this.#unread[at++]!);
    if (at === 0) return;
    this.#unread.splice(0, at);
    if (this.#unread.length === 0 && this.#allDelivered) this.push(null);
  }

  #continueWrite(): void {
    const done = this.#afterWrite;
    this.#afterWrite = null;
    done?.(null);
  }
}

function toBytes(data: Uint8Array | string): Uint8Array {
  return typeof data === "string" ? ENCODER.encode(data) : data;
}

function closeError(code: CloseReason): Error {
  const message = code === "ECONNRESET"
    ? "connection reset by peer"
    : "the other end does not answer: connection timed out";
  return Object.assign(new Error(`${code}: ${message}`), { code });
}

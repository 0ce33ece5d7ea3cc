/**
 * A UDP socket that streams share. Packets of streams go to them; all others are this socket's messages. It
 * closes when it was asked to and its last stream is gone.
 */
import { EventEmitter } from "node:events";
import { familyOf, isIPv4, mapToIPv6, unmap } from "./address.ts";
import type { DatagramAddress, DatagramPort } from "./runtime.ts";
import type { UDX } from "./udx.ts";
import type { UDXStream } from "./udx_stream.ts";

export interface UDXSocketOptions {
  readonly reuseAddress?: boolean;
}

export interface UDXAddress {
  readonly host: string;
  readonly family: 4 | 6;
  readonly port: number;
}

/**
 * Emits `listening`, `message(bytes, { host, family, port })`, `busy` and `idle` as the first stream comes and
 * the last goes, and `close`.
 */
export class UDXSocket extends EventEmitter {
  readonly udx: UDX;
  readonly streams = new Set<UDXStream>();
  userData: unknown = null;
  bytesReceived = 0;
  packetsReceived = 0;
  bytesTransmitted = 0;
  packetsTransmitted = 0;
  readonly #reuseAddress: boolean;
  #port: DatagramPort | null = null;
  #address: UDXAddress | null = null;
  #closing: Promise<void> | null = null;
  #closed = false;

  constructor(udx: UDX, { reuseAddress = false }: UDXSocketOptions = {}) {
    super();
    this.udx = udx;
    this.#reuseAddress = reuseAddress;
  }

  get bound(): boolean {
    return this.#address !== null;
  }

  get closing(): boolean {
    return this.#closing !== null;
  }

  get idle(): boolean {
    return this.streams.size === 0;
  }

  get busy(): boolean {
    return this.streams.size > 0;
  }

  /** Null before `bind`. */
  address(): UDXAddress | null {
    return this.#address;
  }

  /**
   * @param port 0 or none for any that is free
   * @param host none for every address of this machine
   * @throws {Error} when it is bound or closed, or the address cannot be had
   */
  bind(port = 0, host?: string): void {
    if (this.bound) throw new Error("Already bound");
    if (this.closing) throw new Error("Socket is closed");
    if (host !== undefined) this.#open(host, port);
    else {
      try {
        this.#open("::", port);
      } catch {
        this.#open("0.0.0.0", port);
      }
    }
    this.emit("listening");
  }

  /**
   * One datagram, outside of all streams. @param ttl is not honoured: the runtime cannot set it
   * @returns whether the system took it
   */
  // deno-lint-ignore require-await -- what is wrong with the arguments is a rejection, as in the original
  async send(bytes: Uint8Array, port: number, host?: string, ttl?: number): Promise<boolean> {
    return new Promise((resolve) => this.#send(bytes, port, host, ttl, resolve));
  }

  trySend(bytes: Uint8Array, port: number, host?: string, ttl?: number): void {
    this.#send(bytes, port, host, ttl);
  }

  /** Closes once no stream uses it. @returns the same promise each time */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => this.once("close", resolve));
    const closing = this.#closing;
    this.#closeWhenIdle();
    return closing;
  }

  toJSON(): Record<string, unknown> {
    return {
      bound: this.bound,
      closing: this.closing,
      streams: this.streams.size,
      address: this.address(),
      idle: this.idle,
      busy: this.busy,
    };
  }

  /** Where packets to this host go on this socket. For streams. */
  resolve(host: string, port: number): DatagramAddress {
    const mapped = this.#address?.family === 6 && isIPv4(host);
    return { host: mapped ? mapToIPv6(host) : host, port };
  }

  /** A packet of a stream. */
  transmit(packet: Uint8Array, to: DatagramAddress, settled?: (sent: boolean) => void): void {
    if (this.#port === null) {
      settled?.(false);
      return;
    }
    this.bytesTransmitted += packet.length;
    this.packetsTransmitted++;
    this.#port.send(packet, to, settled);
  }

  addStream(stream: UDXStream): void {
    if (this.streams.has(stream)) return;
    this.streams.add(stream);
    if (this.streams.size === 1) this.emit("busy");
  }

  removeStream(stream: UDXStream): void {
    if (!this.streams.delete(stream)) return;
    if (this.#closeWhenIdle()) return;
    if (this.idle) this.emit("idle");
  }

  #open(host: string, port: number): void {
    const family = familyOf(host);
    this.#port = this.udx.runtime.openPort({ host, port }, this.#reuseAddress, this.#received);
    this.#address = { host, family, port: this.#port.address.port };
  }

  readonly #received = (packet: Uint8Array, host: string, port: number): void => {
    this.bytesReceived += packet.length;
    this.packetsReceived++;
    if (this.udx.receive(this, packet, host, port)) return;
    const from = unmap(host);
    this.emit("message", packet, { host: from, family: isIPv4(from) ? 4 : 6, port });
  };

  #send(
    bytes: Uint8Array,
    port: number,
    host = "127.0.0.1",
    _ttl = 0,
    settled?: (sent: boolean) => void,
  ): void {
    if (this.closing) {
      settled?.(false);
      return;
    }
    familyOf(host);
    if (!this.bound) this.bind(0);
    this.transmit(bytes, this.resolve(host, port), settled);
  }

  #closeWhenIdle(): boolean {
    if (this.#closed || this.#closing === null || this.busy) return this.#closed;
    this.#closed = true;
    this.#port?.close();
    this.#port = null;
    // After the caller, who may have just begun to listen.
    queueMicrotask(() => this.emit("close"));
    return true;
  }
}

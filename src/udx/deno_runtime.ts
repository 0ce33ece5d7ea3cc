/**
 * Deno's clock, timers and UDP sockets (`"unstable": ["net"]`). Deno has no way to set a packet's time to
 * live, don't-fragment or the sizes of buffers; Linux sets don't-fragment by itself.
 */
import { Buffer } from "node:buffer";
import { lookup } from "node:dns/promises";
import { setImmediate } from "node:timers";
import { TurnQueue } from "./turn_queue.ts";
import type { DatagramAddress, DatagramPort, NetworkInterface, Runtime } from "./runtime.ts";

/** The largest datagram that is read whole; the rest of a larger one is lost. */
const DATAGRAM_BYTES_MAX = 2_048;
/** Datagrams are read into pieces of these, so that their bytes need not be copied out. */
const SLAB_BYTES = 65_536;
/** Datagrams that the system has not taken yet; further ones are lost, as they would be on the way. */
const SENDING_MAX = 1_024;

/** What a reader answers at once leaves within as many, and so before the system is asked for the next datagram. */
const REPLY_MICROTASKS = 6;

export const DENO_RUNTIME: Runtime = {
  nowMs: () => performance.now(),
  timer(delayMs, fire) {
    const id = setTimeout(fire, delayMs);
    return { cancel: () => clearTimeout(id) };
  },
  turn: (fire) => void setImmediate(fire),
  openPort: (address, reuseAddress, received) => new DenoPort(address, reuseAddress, received),
  async lookup(host, family) {
    const found = await lookup(host, { family });
    return { host: found.address, family: found.family === 6 ? 6 : 4 };
  },
  networkInterfaces,
};

class DenoPort implements DatagramPort {
  readonly address: DatagramAddress;
  readonly #socket: Deno.DatagramConn;
  readonly #received: (packet: Uint8Array, host: string, port: number) => void;
  readonly #queue = new TurnQueue<DatagramAddress>(
    DENO_RUNTIME.turn,
    (fire) => void setTimeout(fire, 0),
    (packet, to, settled) => this.#send(packet, to, settled),
  );
  #sending = 0;
  #closed = false;

  constructor(
    { host, port }: DatagramAddress,
    reuseAddress: boolean,
    received: (packet: Uint8Array, host: string, port: number) => void,
  ) {
    this.#socket = Deno.listenDatagram({ transport: "udp", hostname: host, port, reuseAddress });
    const bound = this.#socket.addr as Deno.NetAddr;
    this.address = { host: bound.hostname, port: bound.port };
    this.#received = received;
    void this.#read();
  }

  send(packet: Uint8Array, to: DatagramAddress, settled?: (sent: boolean) => void): void {
    this.#queue.push(packet, to, settled);
  }

  close(): void {
    if (this.#closed) return;
    this.#queue.flush();
    this.#closed = true;
    this.#socket.close();
  }

  #send(
    packet: Uint8Array,
    { host, port }: DatagramAddress,
    settled?: (sent: boolean) => void,
  ): void {
    if (this.#closed || this.#sending >= SENDING_MAX) {
      settled?.(false);
      return;
    }
    this.#sending++;
    const sending = this.#socket.send(packet, { transport: "udp", hostname: host, port });
    // Too large for the link, no route, refused by the other side's system: all of it is loss.
    if (settled === undefined) sending.then(this.#sent, this.#sent);
    else sending.then(() => settled(true), () => settled(false)).then(this.#sent);
  }

  readonly #sent = (): void => void this.#sending--;

  async #read(): Promise<void> {
    let slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    let offset = 0;
    while (!this.#closed) {
      if (offset + DATAGRAM_BYTES_MAX > SLAB_BYTES) {
        slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
        offset = 0;
      }
      let packet: Uint8Array;
      let from: Deno.NetAddr;
      try {
        const room = slab.subarray(offset, offset + DATAGRAM_BYTES_MAX);
        const [bytes, address] = await this.#socket.receive(room);
        packet = bytes;
        from = address as Deno.NetAddr;
      } catch {
        // A packet that we sent was refused, and the system tells so here. The socket is as good as before,
        // unless it was closed; the wait keeps an error that stays from taking the process.
        await new Promise<void>((resolve) => setImmediate(resolve));
        continue;
      }
      offset += packet.length;
      if (!this.#closed) this.#received(packet, from.hostname, from.port);
      for (let left = REPLY_MICROTASKS; left > 0; left--) await null;
    }
  }
}

/** Without `--allow-sys=networkInterfaces` there are none. */
function networkInterfaces(): NetworkInterface[] {
  let found: Deno.NetworkInterfaceInfo[];
  try {
    found = Deno.networkInterfaces();
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return [];
    throw error;
  }
  return found.map(({ name, address, family }) => ({
    name,
    host: address,
    family: family === "IPv4" ? 4 : 6,
    internal: address === "::1" || address.startsWith("127."),
  }));
}

/**
 * The network between the peers of a test, which it may cut and heal: each peer reaches each other one through a door
 * of its own, and what goes from one to another passes a gate of that direction. A gate that is shut holds bytes back
 * and lets them through when it opens, as TCP does over a network that was cut; `sever` breaks connections off as well.
 */
import { closing } from "../storage/closing.ts";
import type { PeerOptions } from "./skein_process.ts";

/** Nobody listens there: what peers tell of themselves leads past no door. */
const NOWHERE = "127.0.0.9";
const PIECE_BYTES = 64 * 1024;

/** One direction, between two peers. */
class Gate {
  #opened: Promise<void> | null = null;
  #open: () => void = () => {};
  /** Pieces and connections that came while it was shut. */
  held = 0;

  shut(): void {
    if (this.#opened !== null) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#opened = promise;
    this.#open = resolve;
  }

  open(): void {
    this.#opened = null;
    this.#open();
  }

  /** Resolves when what came here may go on. */
  async pass(): Promise<void> {
    if (this.#opened !== null) this.held++;
    while (this.#opened !== null) await this.#opened;
  }
}

/** Where one peer reaches another. */
class Door {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 }) as Deno.TcpListener;
  readonly #targetPort: number;
  readonly #there: Gate;
  readonly #back: Gate;
  readonly #connections = new Set<Deno.TcpConn>();
  readonly #running: Promise<void>[] = [];
  /** New connections are closed at once. */
  refuses = false;
  refused = 0;

  constructor(targetPort: number, there: Gate, back: Gate) {
    this.#targetPort = targetPort;
    this.#there = there;
    this.#back = back;
    this.#running.push(this.#accept());
  }

  get address(): string {
    return `127.0.0.1:${this.#listener.addr.port}`;
  }

  breakOff(): void {
    for (const connection of this.#connections) closing(connection);
    this.#connections.clear();
  }

  async close(): Promise<void> {
    closing(this.#listener);
    this.refuses = true;
    this.breakOff();
    await Promise.all(this.#running);
  }

  async #accept(): Promise<void> {
    for (;;) {
      const source = await this.#listener.accept().catch(() => null);
      if (source === null) return;
      this.#running.push(this.#connect(source));
    }
  }

  async #connect(source: Deno.TcpConn): Promise<void> {
    this.#connections.add(source);
    await this.#there.pass();
    const target = this.refuses ? null : await this.#dial();
    if (target === null) {
      this.refused++;
      return this.#end(source);
    }
    this.#connections.add(target);
    await Promise.all([
      this.#carry(source, target, this.#there),
      this.#carry(target, source, this.#back),
    ]);
  }

  /** @returns null where nobody listens */
  async #dial(): Promise<Deno.TcpConn | null> {
    try {
      const target = await Deno.connect({ hostname: "127.0.0.1", port: this.#targetPort });
      target.setNoDelay(true);
      return target;
    } catch (error) {
      if (error instanceof Deno.errors.ConnectionRefused) return null;
      throw error;
    }
  }

  async #carry(from: Deno.TcpConn, to: Deno.TcpConn, gate: Gate): Promise<void> {
    const buffer = new Uint8Array(PIECE_BYTES);
    try {
      for (;;) {
        const size = await from.read(buffer);
        await gate.pass();
        if (size === null) break;
        for (let at = 0; at < size;) at += await to.write(buffer.subarray(at, size));
      }
    } catch {
      // Broken off, by the test or by one of the ends.
    }
    this.#end(from);
    this.#end(to);
  }

  #end(connection: Deno.TcpConn): void {
    this.#connections.delete(connection);
    closing(connection);
  }
}

export class PeerNetwork implements AsyncDisposable {
  readonly #gates = new Map<string, Gate>();
  readonly #doors = new Map<string, Door>();

  /** What a peer is started with so that it meets the others through this network alone. */
  readonly lead = (options: PeerOptions, place: number): PeerOptions => {
    const peers = options.peers.map((address, other) => {
      return other === place ? address : this.#doorOf(place, other, portOf(address)).address;
    });
    const advertised = `http://${NOWHERE}:${options.httpPort}`;
    return { ...options, peers, flags: [...options.flags, "--advertise", advertised] };
  };

  /** Pieces that were held back, and connections that were refused, since the network was made. */
  get stopped(): number {
    let stopped = 0;
    for (const { held } of this.#gates.values()) stopped += held;
    for (const { refused } of this.#doors.values()) stopped += refused;
    return stopped;
  }

  /** Nothing comes from one peer to the other any more, and neither is told. */
  shut(from: number, to: number): void {
    this.#gate(from, to).shut();
  }

  /** Two peers lose their connections, and get no new ones. */
  sever(one: number, other: number): void {
    for (const door of [this.#door(one, other), this.#door(other, one)]) {
      door.refuses = true;
      door.breakOff();
    }
  }

  heal(): void {
    for (const door of this.#doors.values()) door.refuses = false;
    for (const gate of this.#gates.values()) gate.open();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = [...this.#doors.values()].map((door) => door.close());
    this.heal();
    await Promise.all(closed);
  }

  #door(from: number, to: number): Door {
    const door = this.#doors.get(`${from}-${to}`);
    if (door === undefined) throw new Error(`no peer ${from} that reaches a peer ${to}`);
    return door;
  }

  #doorOf(from: number, to: number, port: number): Door {
    const door = new Door(port, this.#gate(from, to), this.#gate(to, from));
    this.#doors.set(`${from}-${to}`, door);
    return door;
  }

  #gate(from: number, to: number): Gate {
    const name = `${from}-${to}`;
    const known = this.#gates.get(name);
    if (known !== undefined) return known;
    const gate = new Gate();
    this.#gates.set(name, gate);
    return gate;
  }
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(":") + 1));
}

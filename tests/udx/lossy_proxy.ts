/**
 * A UDP proxy between two ports of loopback that loses, duplicates and overtakes packets, from a seed. Each side
 * sends to the proxy's port that stands for the other; what comes to it from there leaves through the other.
 */
import { Random } from "../../src/random.ts";

export interface Badness {
  readonly lossRate?: number;
  readonly duplicateRate?: number;
  /** How many of the packets are held back for some milliseconds, so that others overtake them. */
  readonly reorderRate?: number;
  readonly delayMs?: number;
}

const HELD_MS = 5;

export class LossyProxy {
  readonly #left: Deno.DatagramConn;
  readonly #right: Deno.DatagramConn;
  readonly #badness: Required<Badness>;
  readonly #random: Random;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  readonly #done: Promise<void[]>;
  #closed = false;
  passed = 0;
  lost = 0;

  /** @param ports of the two sides */
  constructor(
    ports: { readonly left: number; readonly right: number },
    badness: Badness,
    seed = 1,
  ) {
    const open = () => Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    this.#left = open();
    this.#right = open();
    this.#badness = { lossRate: 0, duplicateRate: 0, reorderRate: 0, delayMs: 0, ...badness };
    this.#random = new Random(seed);
    this.#done = Promise.all([
      this.#pump(this.#left, this.#right, ports.right),
      this.#pump(this.#right, this.#left, ports.left),
    ]);
  }

  /** What the left side sends to in place of the right one. */
  get standsForRight(): number {
    return (this.#left.addr as Deno.NetAddr).port;
  }

  get standsForLeft(): number {
    return (this.#right.addr as Deno.NetAddr).port;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#left.close();
    this.#right.close();
    await this.#done;
  }

  async #pump(from: Deno.DatagramConn, through: Deno.DatagramConn, port: number): Promise<void> {
    while (!this.#closed) {
      let packet: Uint8Array;
      try {
        [packet] = await from.receive(new Uint8Array(2_048));
      } catch {
        // The side that was sent to last is gone, or the proxy is closed.
        continue;
      }
      const { lossRate, duplicateRate, reorderRate, delayMs } = this.#badness;
      if (this.#random.chance(lossRate)) {
        this.lost++;
        continue;
      }
      this.passed++;
      const heldMs = delayMs + (this.#random.chance(reorderRate) ? HELD_MS : 0);
      this.#forward(packet, through, port, heldMs);
      if (this.#random.chance(duplicateRate)) this.#forward(packet, through, port, heldMs);
    }
  }

  #forward(packet: Uint8Array, through: Deno.DatagramConn, port: number, heldMs: number): void {
    const send = () => {
      if (this.#closed) return;
      through.send(packet, { transport: "udp", hostname: "127.0.0.1", port }).catch(() => {});
    };
    if (heldMs === 0) {
      send();
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      send();
    }, heldMs);
    this.#timers.add(timer);
  }
}

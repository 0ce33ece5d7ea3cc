/**
 * Two cores of a stream and the network between them, in virtual time and from one seed: a link with a rate, a
 * queue and a delay, which loses, duplicates and delays packets out of order. Nothing here waits.
 */
import { streamIdOf } from "../../src/udx/protocol/packet.ts";
import { StreamCore } from "../../src/udx/protocol/stream_core.ts";
import type { CloseReason, StreamOutput } from "../../src/udx/protocol/stream_output.ts";
import { Random } from "../../src/random.ts";

export interface LinkOptions {
  readonly delayMs?: number;
  /** Up to so much more, which reorders. */
  readonly jitterMs?: number;
  readonly lossRate?: number;
  readonly duplicateRate?: number;
  /** How fast the link is; packets wait in its queue. */
  readonly bytesPerMs?: number;
  readonly queueBytes?: number;
  /** Larger packets, with the headers of IP and UDP, are lost. */
  readonly mtuBytes?: number;
}

interface SimulatedRoute {
  readonly family: 4;
  readonly deliver: (packet: Uint8Array) => void;
}

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

export class Simulation {
  nowMs = 0;
  readonly random: Random;
  readonly #events: Event[] = [];
  #order = 0;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  after(delayMs: number, run: () => void): void {
    const event = { atMs: this.nowMs + delayMs, order: this.#order++, run };
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#events[middle]!;
      if (other.atMs > event.atMs) low = middle + 1;
      else high = middle;
    }
    this.#events.splice(low, 0, event);
  }

  /** Runs until the condition holds. @returns whether it came to hold before the time was over */
  runUntil(holds: () => boolean, untilMs: number): boolean {
    while (!holds()) {
      const event = this.#events.at(-1);
      if (event === undefined || event.atMs > untilMs) return false;
      this.#events.pop();
      this.nowMs = event.atMs;
      event.run();
    }
    return true;
  }

  /** A way for packets. */
  link(options: LinkOptions, receive: (packet: Uint8Array) => void): (packet: Uint8Array) => void {
    const { delayMs = 1, jitterMs = 0, lossRate = 0, duplicateRate = 0 } = options;
    const { bytesPerMs = Infinity, queueBytes = Infinity, mtuBytes = Infinity } = options;
    let freeAtMs = 0;
    return (packet) => {
      const sizeBytes = packet.length + 28;
      if (sizeBytes > mtuBytes || this.random.chance(lossRate)) return;
      const startMs = Math.max(freeAtMs, this.nowMs);
      if ((startMs - this.nowMs) * bytesPerMs > queueBytes) return;
      freeAtMs = startMs + sizeBytes / bytesPerMs;
      const copies = this.random.chance(duplicateRate) ? 2 : 1;
      for (let copy = 0; copy < copies; copy++) {
        const lateMs = jitterMs * this.random.fraction();
        const bytes = packet.slice();
        this.after(freeAtMs - this.nowMs + delayMs + lateMs, () => receive(bytes));
      }
    };
  }
}

/** What the stream carries at a place. */
export function byteAt(offset: number): number {
  return (offset * 31 + (offset >>> 8) * 7) & 0xff;
}

/** One end: its core, what it received, and a writer that keeps it supplied. */
export class SimulatedEnd implements StreamOutput<SimulatedRoute> {
  readonly core: StreamCore<SimulatedRoute>;
  readonly #simulation: Simulation;
  receivedBytes = 0;
  /** The first place at which a wrong byte came. */
  wrongAt: number | null = null;
  remoteEnded = false;
  closedWith: CloseReason | null | undefined;
  remoteChanges = 0;
  readonly messages: Uint8Array[] = [];
  packetsSent = 0;
  /** While it is set, what is delivered is not read. */
  paused = false;
  #unreadBytes = 0;
  #armedAtMs = Infinity;
  #toWriteBytes = 0;
  #writtenBytes = 0;
  #endAfter = false;
  #mayWrite = true;

  constructor(simulation: Simulation, id: number) {
    this.#simulation = simulation;
    this.core = new StreamCore<SimulatedRoute>(id, this, simulation.nowMs);
  }

  get unreadBytes(): number {
    return this.#unreadBytes;
  }

  connect(remoteId: number, deliver: (packet: Uint8Array) => void): void {
    this.core.connect(this.#simulation.nowMs, { family: 4, deliver }, remoteId);
    this.#arm();
  }

  changeRemote(remoteId: number, deliver: (packet: Uint8Array) => void): boolean {
    const done = this.core.changeRemote(this.#simulation.nowMs, { family: 4, deliver }, remoteId);
    this.#arm();
    return done;
  }

  receive(packet: Uint8Array): void {
    if (streamIdOf(packet) !== this.core.id) return;
    this.core.receive(this.#simulation.nowMs, packet);
    this.#arm();
  }

  /** Writes so many bytes as fast as it may, and ends. */
  write(bytes: number, end = true): void {
    this.#toWriteBytes += bytes;
    this.#endAfter = end;
    this.#supply();
  }

  destroy(): void {
    this.core.destroy();
  }

  resume(): void {
    this.paused = false;
    const bytes = this.#unreadBytes;
    this.#unreadBytes = 0;
    this.core.read(bytes);
    this.#arm();
  }

  transmit(packet: Uint8Array, route: SimulatedRoute): void {
    this.packetsSent++;
    route.deliver(packet);
  }

  deliver(payload: Uint8Array): void {
    for (let at = 0; at < payload.length; at++) {
      if (payload[at] !== byteAt(this.receivedBytes + at)) this.wrongAt ??= this.receivedBytes + at;
    }
    this.receivedBytes += payload.length;
    if (this.paused) this.#unreadBytes += payload.length;
    else this.core.read(payload.length);
  }

  ended(): void {
    this.remoteEnded = true;
  }

  message(payload: Uint8Array): void {
    this.messages.push(payload.slice());
  }

  drained(): void {
    this.#mayWrite = true;
    this.#simulation.after(0, () => this.#supply());
  }

  acknowledged(): void {}

  remoteChanged(): void {
    this.remoteChanges++;
  }

  closed(reason: CloseReason | null): void {
    this.closedWith = reason;
  }

  turn(): void {
    this.#simulation.after(0, () => {
      this.core.turnEnded(this.#simulation.nowMs);
      this.#arm();
    });
  }

  #supply(): void {
    while (this.#mayWrite && this.#writtenBytes < this.#toWriteBytes && !this.core.closed) {
      const length = Math.min(65_536, this.#toWriteBytes - this.#writtenBytes);
      const chunk = new Uint8Array(length);
      for (let at = 0; at < length; at++) chunk[at] = byteAt(this.#writtenBytes + at);
      this.#writtenBytes += length;
      this.#mayWrite = this.core.write(this.#simulation.nowMs, chunk);
    }
    if (this.#endAfter && this.#writtenBytes === this.#toWriteBytes && !this.core.closed) {
      this.core.end(this.#simulation.nowMs);
    }
    this.#arm();
  }

  #arm(): void {
    const dueAtMs = this.core.deadlineMs;
    if (dueAtMs >= this.#armedAtMs || dueAtMs === Infinity) return;
    this.#armedAtMs = dueAtMs;
    const simulation = this.#simulation;
    simulation.after(Math.max(0, dueAtMs - simulation.nowMs), () => {
      if (this.#armedAtMs !== dueAtMs) return;
      this.#armedAtMs = Infinity;
      if (this.core.deadlineMs <= simulation.nowMs) this.core.timeout(simulation.nowMs);
      this.#arm();
    });
  }
}

/** Two ends with a link each way. */
export function connectEnds(
  simulation: Simulation,
  there: LinkOptions,
  back: LinkOptions = there,
): { left: SimulatedEnd; right: SimulatedEnd } {
  const left = new SimulatedEnd(simulation, 1);
  const right = new SimulatedEnd(simulation, 2);
  left.connect(2, simulation.link(there, (packet) => right.receive(packet)));
  right.connect(1, simulation.link(back, (packet) => left.receive(packet)));
  return { left, right };
}

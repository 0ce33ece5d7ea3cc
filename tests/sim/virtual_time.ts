/**
 * Virtual time: one heap of events for a whole cluster, and a clock for each process in it. Events run
 * in order of (time, sequence); between two of them every promise that was settled runs to its end, so
 * production code may await as it likes and one seed still gives one schedule.
 *
 * An event belongs to an actor (a process of a peer) or to nobody. A paused actor's events wait until it
 * goes on, as a stopped process's timers and packets do; a killed actor's events never run.
 */
import { assert } from "../../src/assert.ts";
import type { Clock, Timer } from "../../src/clock.ts";
import { TraceHash } from "./trace_hash.ts";

/** One run of a process. A restart is a new actor. */
export class Actor {
  pausedUntilMs = 0;
  alive = true;
  constructor(readonly name: string) {}
}

interface ScheduledEvent {
  timeMs: number;
  sequence: number;
  readonly actor: Actor | null;
  readonly label: string;
  run: (() => void) | null;
}

export class Scheduler {
  readonly trace = new TraceHash();
  /** Called after each event and everything that it settled. */
  afterEvent: (actor: Actor | null, label: string) => void = () => {};
  #nowMs = 0;
  #sequence = 0;
  #executed = 0;
  readonly #heap: ScheduledEvent[] = [];

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Events that ran so far: the simulator's steps. */
  get executed(): number {
    return this.#executed;
  }

  /**
   * @param delayMs from now, not negative
   * @param actor whose process runs it; null: the world's
   * @param label names the kind of event in the trace
   */
  after(delayMs: number, actor: Actor | null, label: string, run: () => void): Timer {
    assert(delayMs >= 0, `an event cannot lie ${delayMs} ms ahead`);
    const event: ScheduledEvent = {
      timeMs: this.#nowMs + delayMs,
      sequence: this.#sequence++,
      actor,
      label,
      run,
    };
    this.#push(event);
    return {
      cancel() {
        event.run = null;
      },
    };
  }

  /** Runs the next event, if any lies at or before `untilMs`. @returns false where none does */
  async step(untilMs = Infinity): Promise<boolean> {
    for (;;) {
      const event = this.#heap[0];
      if (event === undefined || event.timeMs > untilMs) return false;
      this.#pop();
      if (event.run === null || event.actor?.alive === false) continue;
      if (event.actor !== null && event.actor.pausedUntilMs > event.timeMs) {
        event.timeMs = event.actor.pausedUntilMs;
        event.sequence = this.#sequence++;
        this.#push(event);
        continue;
      }
      await this.#execute(event, event.run);
      return true;
    }
  }

  /** Runs everything up to a moment, which is then the present. */
  async runUntil(timeMs: number): Promise<void> {
    // What was begun from outside, between two events, belongs to the moment in which it was.
    await settled();
    while (await this.step(timeMs));
    this.#nowMs = Math.max(this.#nowMs, timeMs);
  }

  async #execute(event: ScheduledEvent, run: () => void): Promise<void> {
    assert(event.timeMs >= this.#nowMs, "virtual time went back");
    this.#nowMs = event.timeMs;
    this.#executed++;
    this.trace.number(event.timeMs);
    this.trace.text(event.label);
    event.run = null;
    run();
    await settled();
    this.afterEvent(event.actor, event.label);
  }

  #push(event: ScheduledEvent): void {
    const heap = this.#heap;
    let place = heap.length;
    heap.push(event);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[place] = heap[parent]!;
      place = parent;
    }
    heap[place] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = last;
  }
}

function isBefore(left: ScheduledEvent, right: ScheduledEvent): boolean {
  return left.timeMs !== right.timeMs ? left.timeMs < right.timeMs : left.sequence < right.sequence;
}

/** Resolves in a new turn of the real event loop: all microtasks, however deep, lie behind it. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** How a process's clocks differ from true time. */
export interface ClockSkew {
  /** Local milliseconds that pass in a true one. */
  readonly rate: number;
  readonly monotonicOffsetMs: number;
  readonly wallOffsetMs: number;
}

/** The clocks and timers of one process. */
export class VirtualClock implements Clock {
  readonly #scheduler: Scheduler;
  readonly #actor: Actor;
  readonly #skew: ClockSkew;
  #wallJumpedMs = 0;
  /** True time in which the machine slept, without the last time. */
  #sleptMs = 0;
  #lastSleep = { fromMs: 0, untilMs: 0 };

  constructor(scheduler: Scheduler, actor: Actor, skew: ClockSkew) {
    this.#scheduler = scheduler;
    this.#actor = actor;
    this.#skew = skew;
  }

  monotonicMs(): number {
    const awakeMs = this.#scheduler.nowMs - this.#asleepMs();
    return this.#skew.monotonicOffsetMs + awakeMs * this.#skew.rate;
  }

  wallMs(): number {
    return EPOCH_MS + this.#skew.wallOffsetMs + this.#wallJumpedMs +
      this.#scheduler.nowMs * this.#skew.rate;
  }

  /** Somebody, or a time server, sets the wall clock. */
  jumpWall(byMs: number): void {
    this.#wallJumpedMs += byMs;
  }

  /** The machine sleeps from now on for so long: its monotonic clock stands still. */
  sleep(forMs: number): void {
    const { nowMs } = this.#scheduler;
    this.#sleptMs = this.#asleepMs();
    this.#lastSleep = { fromMs: nowMs, untilMs: nowMs + forMs };
  }

  get isAsleep(): boolean {
    return this.#scheduler.nowMs < this.#lastSleep.untilMs;
  }

  /** In true time, until now. */
  #asleepMs(): number {
    const { fromMs, untilMs } = this.#lastSleep;
    // Exactly the same at every moment at which it is awake.
    return this.#sleptMs + (Math.min(this.#scheduler.nowMs, untilMs) - fromMs);
  }

  timer(delayMs: number, fire: () => void): Timer {
    let asleepMs = this.#asleepMs();
    const due = () => {
      const longerMs = this.#asleepMs() - asleepMs;
      if (longerMs === 0) return fire();
      asleepMs += longerMs;
      event = this.#scheduler.after(longerMs, this.#actor, "timer", due);
    };
    const trueMs = Math.max(0, delayMs) / this.#skew.rate;
    let event = this.#scheduler.after(trueMs, this.#actor, "timer", due);
    return { cancel: () => event.cancel() };
  }
}

/** Where virtual wall clocks begin; any moment would do. */
const EPOCH_MS = Date.UTC(2030, 0, 1);

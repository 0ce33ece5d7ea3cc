/**
 * What clients of the cache were told, and what follows for every read: no read is stale, no durable write is lost, and
 * of the others at most those of the last two flush intervals before a fault.
 *
 * The values of a key are numbers that only grow, each written over the version before it. So a read that gives less
 * than what was known when it began, shows that what lies between was lost; that is never read again.
 */
import assert from "node:assert/strict";

/** What was known of a key when a read began. */
export interface ReadBegun {
  readonly floor: number;
  readonly losses: number;
}

/** A write that was done at some time in between, or perhaps. */
interface Attempt {
  readonly begunMs: number;
  /** Null: nobody was told that it was done. */
  answeredMs: number | null;
  durable: boolean;
}

class KeyLedger {
  /** Greatest number that was read or known to be written, of what is not lost; 0: nothing. */
  floor = 0;
  losses = 0;
  attempted = 0;
  /** Those that may be read yet, by their numbers. */
  readonly attempts = new Map<number, Attempt>();
  /** What was told last, for whoever has to understand a failure. */
  readonly told: string[] = [];
  readonly lost = new Set<number>();
}

/** From one moment of wall-clock time to another. */
interface Span {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** An owner said that its lease was over, and what it had not written back lost with it. */
export interface Lapse extends Span {
  readonly key: string;
}

const TOLD_MAX = 25;

export interface LedgerTotals {
  writes: number;
  durable: number;
  unknown: number;
  reads: number;
  lost: number;
}

export class CacheLedger {
  readonly totals: LedgerTotals = { writes: 0, durable: 0, unknown: 0, reads: 0, lost: 0 };
  readonly #keys = new Map<string, KeyLedger>();
  readonly #faultsMs: number[] = [];
  /** What was lost far from any fault. */
  readonly #unexplained: (Lapse & { readonly what: string })[] = [];
  readonly #lossWindowMs: number;
  readonly #lossSpanMs: number;

  /**
   * @param lossWindowMs how far from a fault a write may be lost: two flush intervals, and what clients and clocks add
   * @param lossSpanMs how far apart two writes may be that are lost at once
   */
  constructor(lossWindowMs: number, lossSpanMs: number) {
    this.#lossWindowMs = lossWindowMs;
    this.#lossSpanMs = lossSpanMs;
  }

  #of(key: string): KeyLedger {
    const known = this.#keys.get(key);
    if (known !== undefined) return known;
    const fresh = new KeyLedger();
    this.#keys.set(key, fresh);
    return fresh;
  }

  /** Something is done to a peer now. */
  fault(nowMs: number): void {
    this.#faultsMs.push(nowMs);
  }

  /** A write is sent. @returns its number, never used before */
  attempt(key: string, nowMs: number): number {
    const ledger = this.#of(key);
    ledger.attempts.set(++ledger.attempted, { begunMs: nowMs, answeredMs: null, durable: false });
    return ledger.attempted;
  }

  /** A write was answered. */
  written(key: string, number: number, durable: boolean, nowMs: number, by = ""): void {
    const ledger = this.#of(key);
    const attempt = ledger.attempts.get(number);
    assert(attempt !== undefined, `${key}: ${number} is answered after it was seen lost`);
    attempt.answeredMs = nowMs;
    attempt.durable = durable;
    this.#tell(key, `${number} written${durable ? " durably" : ""} by ${by}`, nowMs);
    ledger.floor = Math.max(ledger.floor, number);
    this.totals.writes++;
    if (durable) this.totals.durable++;
  }

  #tell(key: string, what: string, nowMs: number): void {
    const { told } = this.#of(key);
    if (told.push(`${new Date(nowMs).toISOString().slice(11)} ${what}`) > TOLD_MAX) told.shift();
  }

  /** A write was refused, because another version was there: it was not done. */
  refused(key: string, number: number): void {
    this.#of(key).attempts.delete(number);
  }

  /** Nobody knows whether a write was done, or will be. */
  unknown(): void {
    this.totals.unknown++;
  }

  begin(key: string): ReadBegun {
    const { floor, losses } = this.#of(key);
    return { floor, losses };
  }

  /**
   * A read was answered.
   * @param number 0: there is no value
   * @throws {AssertionError} where no history of an honest cache explains it
   */
  read(key: string, begun: ReadBegun, number: number, nowMs = 0, by = ""): void {
    const ledger = this.#of(key);
    this.#tell(key, `${number} read by ${by}`, nowMs);
    this.totals.reads++;
    assert(number <= ledger.attempted, `${key}: ${number} was never written`);
    const isNews = begun.losses === ledger.losses;
    if (isNews && number < begun.floor) return this.#lose(key, ledger, number);
    assert(
      !isNews || !ledger.lost.has(number),
      `${key}: ${number} was lost, and is read again`,
    );
    // A read that began before a loss was seen may tell of what was there before.
    if (isNews) ledger.floor = Math.max(ledger.floor, number);
  }

  #lose(key: string, ledger: KeyLedger, number: number): void {
    const history = ledger.told.map((line) => `\n  ${line}`).join("");
    const stale = `${key}: ${number} is read after ${ledger.floor}${history}\n`;
    let oldest: Attempt | null = null;
    for (const [other, attempt] of [...ledger.attempts]) {
      if (other <= number || other > ledger.floor) continue;
      assert(!attempt.durable, `${stale}, but ${other} was durable`);
      this.#checkNear(key, attempt, `${stale}; ${other}`);
      ledger.attempts.delete(other);
      if (attempt.answeredMs === null) continue;
      oldest ??= attempt;
      const spanMs = attempt.begunMs - oldest.answeredMs!;
      assert(
        spanMs <= this.#lossSpanMs,
        `${stale}; ${other} was begun ${spanMs} ms after the first`,
      );
      ledger.lost.add(other);
      this.totals.lost++;
    }
    ledger.losses++;
    ledger.floor = number;
  }

  /** A peer that was paused may answer long after what it did, and one that was killed never. */
  #checkNear(key: string, { begunMs, answeredMs }: Attempt, what: string): void {
    const windowMs = this.#lossWindowMs;
    const span = { fromMs: begunMs - windowMs, untilMs: (answeredMs ?? begunMs) + windowMs };
    const isNear = this.#faultsMs.some((ms) => span.fromMs <= ms && ms <= span.untilMs);
    if (isNear) return;
    const ended = answeredMs === null
      ? "never answered"
      : `answered after ${answeredMs - begunMs} ms`;
    const faults = this.#faultsMs.slice(-3).map((ms) => (begunMs - ms).toFixed()).join(", ");
    this.#unexplained.push({
      key,
      ...span,
      what: `${what} was begun ${faults} ms after faults, ${ended}`,
    });
  }

  /**
   * Nothing more will be told.
   * @param lapses what owners say of leases that ended without a fault, on a machine that has too much to do
   * @throws {AssertionError} where something was lost that neither a fault nor its owner explains
   */
  finish(lapses: readonly Lapse[]): void {
    for (const { key, what, fromMs, untilMs } of this.#unexplained) {
      const isSaid = lapses.some((lapse) => {
        return lapse.key === key && fromMs <= lapse.untilMs && lapse.fromMs <= untilMs;
      });
      assert(isSaid, what);
    }
  }

  /** What is known of a key now. */
  floor(key: string): number {
    return this.#of(key).floor;
  }
}

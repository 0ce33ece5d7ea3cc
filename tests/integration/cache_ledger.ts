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

interface Answered {
  readonly atMs: number;
  readonly durable: boolean;
}

class KeyLedger {
  /** Greatest number that was read or known to be written, of what is not lost; 0: nothing. */
  floor = 0;
  losses = 0;
  attempted = 0;
  readonly answered = new Map<number, Answered>();
  readonly lost = new Set<number>();
}

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
  readonly #lossWindowMs: number;

  /** @param lossWindowMs two flush intervals, and what clients and clocks add to that */
  constructor(lossWindowMs: number) {
    this.#lossWindowMs = lossWindowMs;
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

  /** @returns the number to write next, never used before */
  attempt(key: string): number {
    return ++this.#of(key).attempted;
  }

  /** A write was answered. */
  written(key: string, number: number, durable: boolean, nowMs: number): void {
    const ledger = this.#of(key);
    assert(!ledger.lost.has(number), `${key}: ${number} is answered after it was seen lost`);
    ledger.answered.set(number, { atMs: nowMs, durable });
    ledger.floor = Math.max(ledger.floor, number);
    this.totals.writes++;
    if (durable) this.totals.durable++;
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
  read(key: string, begun: ReadBegun, number: number): void {
    const ledger = this.#of(key);
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
    const lost = [...ledger.answered].filter(([other]) => other > number && other <= ledger.floor);
    const stale = `${key}: ${number} is read after ${ledger.floor}`;
    assert(lost.length > 0, `${stale}, and no write in between was answered`);
    for (const [other, { atMs, durable }] of lost) {
      assert(!durable, `${stale}, but ${other} was durable`);
      const isNear = this.#faultsMs.some((faultMs) =>
        Math.abs(faultMs - atMs) <= this.#lossWindowMs
      );
      const faults = this.#faultsMs.map((faultMs) => (atMs - faultMs).toFixed()).join(", ");
      assert(isNear, `${stale}; ${other} was answered ${faults} ms after faults`);
      ledger.lost.add(other);
      ledger.answered.delete(other);
    }
    this.totals.lost += lost.length;
    ledger.losses++;
    ledger.floor = number;
  }

  /** What is known of a key now. */
  floor(key: string): number {
    return this.#of(key).floor;
  }
}

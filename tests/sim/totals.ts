/** Sums over many simulations, and what a person wants to know of them. */
import type { SimulationResult } from "./simulation.ts";

export class Totals {
  readonly #startedMs = performance.now();
  readonly #strikes = new Map<string, number>();
  #seeds = 0;
  #steps = 0;
  #virtualMs = 0;
  #faultsMs = 0;
  #operations = 0;
  #grants = 0;
  #committed = 0;
  #histories = 0;
  #gaveUp = 0;
  #moves = 0;
  #delivered = 0;
  #acknowledged = 0;
  #ordered = 0;
  #events = 0;
  #eventDuplicates = 0;
  #reads = 0;
  #writes = 0;
  #keys = 0;
  #fills = 0;
  #keysGivenUp = 0;

  add(result: SimulationResult): void {
    this.#seeds++;
    this.#steps += result.steps;
    this.#virtualMs += result.virtualMs;
    this.#faultsMs += result.faultsMs;
    this.#operations += result.operations;
    this.#grants += result.grants;
    this.#committed += result.committed;
    this.#histories += result.judgement?.resources ?? 0;
    this.#gaveUp += result.judgement?.gaveUp ?? 0;
    this.#moves += result.moves;
    this.#delivered += result.queue?.delivered ?? 0;
    this.#acknowledged += result.queue?.acknowledged ?? 0;
    this.#ordered += result.queue?.ordered ?? 0;
    this.#events += result.events?.stored ?? 0;
    this.#eventDuplicates += result.events?.duplicates ?? 0;
    this.#reads += result.cache?.reads ?? 0;
    this.#writes += result.cache?.writes ?? 0;
    this.#keys += result.cache?.keys ?? 0;
    this.#fills += result.cache?.fills ?? 0;
    this.#keysGivenUp += result.cache?.gaveUp ?? 0;
    for (const [name, count] of result.strikes) {
      this.#strikes.set(name, (this.#strikes.get(name) ?? 0) + count);
    }
  }

  lines(): string[] {
    const seconds = (performance.now() - this.#startedMs) / 1000;
    const [hours, faultsHours] = [this.#virtualMs / 3_600_000, this.#faultsMs / 3_600_000];
    const strikes = [...this.#strikes].sort().map(([name, count]) => `${name} ${count}`);
    return [
      `${this.#seeds} seeds, ${this.#steps} steps in ${seconds.toFixed(1)} s ` +
      `(${Math.round(this.#steps / seconds)} steps/s); ${hours.toFixed(2)} simulated hours, ` +
      `${faultsHours.toFixed(2)} of them under faults, ` +
      `${(hours * 60 / seconds).toFixed(2)} a minute`,
      `${this.#committed} entries committed, ${this.#operations} lock operations, ` +
      `${this.#grants} grants; faults: ${strikes.join(", ") || "none"}`,
      `${this.#histories} lock histories judged, the checker gave up on ${this.#gaveUp}`,
      `${this.#delivered} messages delivered, ${this.#acknowledged} acknowledged, ` +
      `${this.#ordered} pairs in order; ${this.#moves} changes of partitions' voters`,
      `${this.#events} events stored, ${this.#eventDuplicates} duplicates`,
      `${this.#reads} reads, ${this.#writes} writes and ${this.#fills} fill tokens of the cache; ` +
      `${this.#keys} histories of keys ` +
      `judged, the checker gave up on ${this.#keysGivenUp}`,
    ];
  }
}

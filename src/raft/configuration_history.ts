/**
 * The configurations that the log holds after the snapshot, with the snapshot's own in front. The newest
 * is in force from the moment it is appended, committed or not; truncation brings the former one back
 * (Raft dissertation, section 4.1).
 */
import { assert } from "../assert.ts";
import type { Configuration } from "./entry.ts";

export class ConfigurationHistory {
  /** In order of index, never empty. */
  readonly #configurations: Configuration[];

  /** @param base the configuration before any entry of the log */
  constructor(base: Configuration) {
    this.#configurations = [base];
  }

  /** The one in force. */
  get current(): Configuration {
    return this.#configurations[this.#configurations.length - 1]!;
  }

  push(configuration: Configuration): void {
    assert(
      configuration.index > this.current.index,
      `configuration ${configuration.index} behind ${this.current.index}`,
    );
    this.#configurations.push(configuration);
  }

  /** The log lost this entry and all after it. */
  truncateFrom(index: number): void {
    while (this.#configurations.length > 1 && this.current.index >= index) {
      this.#configurations.pop();
    }
    assert(
      this.current.index < index || this.#configurations.length === 1,
      "the configuration before the log was truncated",
    );
  }

  /** A snapshot covers the log up to `index`: of the configurations up to there only the last counts. */
  compact(index: number): void {
    while (this.#configurations.length > 1 && this.#configurations[1]!.index <= index) {
      this.#configurations.shift();
    }
  }

  /** A received snapshot's configuration takes the place of all. */
  reset(configuration: Configuration): void {
    this.#configurations.length = 0;
    this.#configurations.push(configuration);
  }

  /** @param lastIndex the log's end */
  checkInvariants(lastIndex: number): void {
    let index = -1;
    for (const configuration of this.#configurations) {
      assert(configuration.index > index, "configurations are out of order");
      index = configuration.index;
    }
    assert(index <= lastIndex || this.#configurations.length === 1, "a configuration past the log");
  }
}

/**
 * Which value files are open. A group may have thousands of them, and a process may not have so many open: past the
 * bound, those that were not used for the longest time are closed until somebody asks for them again.
 */
import type { ValueFile } from "./value_file.ts";

export class OpenFiles {
  readonly #max: number;
  /** The one that was used last comes last. */
  readonly #files = new Set<ValueFile>();

  /** @param max open at once, beside those that are in use or not fsynced yet */
  constructor(max: number) {
    this.#max = max;
  }

  /** This file is about to be used. */
  used(file: ValueFile): void {
    this.#files.delete(file);
    this.#files.add(file);
    if (this.#files.size <= this.#max) return;
    for (const other of this.#files) {
      if (other === file || !other.rest()) continue;
      this.#files.delete(other);
      if (this.#files.size <= this.#max) return;
    }
  }

  /** It is closed for good. */
  forget(file: ValueFile): void {
    this.#files.delete(file);
  }
}

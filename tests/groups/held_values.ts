/**
 * Values in memory that check their owner: what is held, given back once, and moved. Each instance numbers its files
 * in its own way, as each replica does, so that a reference that gets into an answer makes two machines differ.
 */
import assert from "node:assert/strict";
import type { ValueReference, Values } from "../../src/groups/values.ts";

const FILE_BYTES = 512;
let instances = 0;

export class HeldValues implements Values {
  readonly #bytes = new Map<string, Uint8Array>();
  readonly #live = new Set<string>();
  #file = 1_000 * ++instances;
  #offsetBytes = 0;
  /** Whose values these are when a snapshot of its machine is restored. */
  source: HeldValues | null = null;

  /** How many values are held. */
  get held(): number {
    return this.#live.size;
  }

  append(bytes: Uint8Array): ValueReference {
    if (this.#offsetBytes + bytes.length > FILE_BYTES) {
      this.#file++;
      this.#offsetBytes = 0;
    }
    const reference = { file: this.#file, offsetBytes: this.#offsetBytes, sizeBytes: bytes.length };
    this.#offsetBytes += bytes.length + 4;
    this.#bytes.set(keyOf(reference), bytes.slice());
    this.#live.add(keyOf(reference));
    return reference;
  }

  discard(reference: ValueReference): void {
    assert.ok(this.#live.delete(keyOf(reference)), `the value ${keyOf(reference)} is held`);
  }

  restored(reference: ValueReference): ValueReference {
    return this.append(this.source?.read(reference) ?? new Uint8Array(reference.sizeBytes));
  }

  read(reference: ValueReference): Uint8Array {
    const bytes = this.#bytes.get(keyOf(reference));
    assert.ok(bytes !== undefined, `the value ${keyOf(reference)} is there`);
    return bytes;
  }

  /** Files in which something is held. */
  get files(): readonly number[] {
    return [...new Set([...this.#live].map((key) => Number(key.split(":")[0])))];
  }

  get currentFile(): number {
    return this.#file;
  }
}

function keyOf({ file, offsetBytes }: ValueReference): string {
  return `${file}:${offsetBytes}`;
}

/** Values in memory, for tests of single machines: what is held, and nothing about files or other replicas. */
import assert from "node:assert/strict";
import type { ValueReader, ValueReference, Values } from "../../src/groups/values.ts";

export class PlainValues implements Values, ValueReader {
  readonly #bytes = new Map<number, Uint8Array>();
  readonly #held = new Set<number>();
  #end = 0;

  /** How many values are held. */
  get held(): number {
    return this.#held.size;
  }

  append(bytes: Uint8Array): ValueReference {
    const offsetBytes = this.#end;
    this.#end += bytes.length + 1;
    this.#bytes.set(offsetBytes, bytes.slice());
    this.#held.add(offsetBytes);
    return { file: 1, offsetBytes, sizeBytes: bytes.length };
  }

  discard({ offsetBytes }: ValueReference): void {
    assert.ok(this.#held.delete(offsetBytes), `the value at ${offsetBytes} is held`);
  }

  restored(reference: ValueReference): ValueReference {
    const { offsetBytes, sizeBytes } = reference;
    this.#held.add(offsetBytes);
    this.#end = Math.max(this.#end, offsetBytes + sizeBytes + 1);
    return reference;
  }

  read(references: readonly ValueReference[]): Promise<readonly (Uint8Array | null)[]> {
    const found = references.map(({ offsetBytes }) => {
      return this.#held.has(offsetBytes) ? this.#bytes.get(offsetBytes) ?? null : null;
    });
    return Promise.resolve(found);
  }
}

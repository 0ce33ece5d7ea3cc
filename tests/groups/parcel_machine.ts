/** A machine for tests of values: it keeps bytes under names, beside its state. */
import { crc32 } from "node:zlib";
import type { Effect, Machine, Outcome } from "../../src/groups/machine.ts";
import { SnapshotMap } from "../../src/groups/snapshot_map.ts";
import { readRows, RowChunks } from "../../src/groups/snapshot_rows.ts";
import type { ValueReader, ValueReference, Values } from "../../src/groups/values.ts";

/** `["put", name, bytes]`, `["drop", name]` */
export type ParcelCommand = readonly ["put", string, Uint8Array] | readonly ["drop", string];

interface Parcel {
  readonly reference: ValueReference;
  readonly checksum: number;
}

type Row = readonly [string, number, number, number, number];

export class ParcelMachine implements Machine<ParcelCommand, Effect> {
  readonly name = "parcels";
  readonly parcels = new SnapshotMap<string, Parcel, Row>((name, { reference, checksum }) => {
    return [name, reference.file, reference.offsetBytes, reference.sizeBytes, checksum];
  });
  readonly #values: Values;
  /** File → offset → name. */
  readonly #byFile = new Map<number, Map<number, string>>();

  constructor(values: Values) {
    this.#values = values;
  }

  decode(body: unknown): ParcelCommand | null {
    if (!Array.isArray(body) || typeof body[1] !== "string") return null;
    const [kind, name, bytes] = body as [unknown, string, unknown];
    if (kind === "drop") return ["drop", name];
    return kind === "put" && bytes instanceof Uint8Array ? ["put", name, bytes] : null;
  }

  apply(command: ParcelCommand): Outcome {
    const [kind, name] = command;
    const former = this.parcels.get(name);
    if (former !== undefined) {
      this.#forget(former.reference);
      this.#values.discard(former.reference);
      this.parcels.delete(name);
    }
    if (kind === "put") {
      const reference = this.#values.append(command[2]);
      this.#keep(name, { reference, checksum: crc32(command[2]) });
    }
    return { answer: this.parcels.size, effects: [] };
  }

  #keep(name: string, parcel: Parcel): void {
    const { file, offsetBytes } = parcel.reference;
    let inFile = this.#byFile.get(file);
    if (inFile === undefined) this.#byFile.set(file, inFile = new Map());
    inFile.set(offsetBytes, name);
    this.parcels.set(name, parcel);
  }

  #forget({ file, offsetBytes }: ValueReference): void {
    const inFile = this.#byFile.get(file)!;
    inFile.delete(offsetBytes);
    if (inFile.size === 0) this.#byFile.delete(file);
  }

  valuesIn(file: number, max: number): readonly ValueReference[] {
    const found: ValueReference[] = [];
    for (const name of this.#byFile.get(file)?.values() ?? []) {
      if (found.length === max) break;
      found.push(this.parcels.get(name)!.reference);
    }
    return found;
  }

  moved(from: ValueReference, to: ValueReference): boolean {
    const name = this.#byFile.get(from.file)?.get(from.offsetBytes);
    if (name === undefined) return false;
    const { checksum } = this.parcels.get(name)!;
    this.#forget(from);
    this.#keep(name, { reference: to, checksum });
    return true;
  }

  /** @returns the names of all parcels, after each was read and is what was put */
  async read(reader: ValueReader): Promise<string[]> {
    const parcels = [...this.parcels.entries()].sort(([left], [right]) => left < right ? -1 : 1);
    const found = await reader.read(parcels.map(([, { reference }]) => reference));
    for (const [place, [name, { checksum }]] of parcels.entries()) {
      const bytes = found[place];
      if (bytes === null || bytes === undefined) throw new Error(`parcel ${name} has gone`);
      if (crc32(bytes) !== checksum) throw new Error(`parcel ${name} has other bytes`);
    }
    return parcels.map(([name]) => name);
  }

  expire(): readonly Effect[] {
    return [];
  }

  nextDeadlineMs(): number | null {
    return null;
  }

  snapshot(): Iterator<Uint8Array> {
    return new RowChunks(this.parcels.snapshot());
  }

  restore(chunks: Iterable<Uint8Array>): void {
    this.parcels.clear();
    this.#byFile.clear();
    for (const row of readRows(chunks)) {
      const [name, file, offsetBytes, sizeBytes, checksum] = row as Row;
      const reference = this.#values.restored({ file, offsetBytes, sizeBytes });
      this.#keep(name, { reference, checksum });
    }
  }

  checkInvariants(): void {}
}

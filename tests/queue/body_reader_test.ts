import assert from "node:assert/strict";
import type { ValueReference } from "../../src/groups/values.ts";
import { readBodies } from "../../src/queue/body_reader.ts";
import type { BodyPlace } from "../../src/queue/lane_reads.ts";
import type { QueueReplica } from "../../src/queue/queue_edges.ts";
import { StorageCorruptError } from "../../src/storage/storage.ts";

const MIB = 1024 * 1024;

/** Values by file, each file being one, and where messages lie; what is asked for is counted. */
class Shelf {
  readonly values = new Map<number, Uint8Array>();
  readonly messages = new Map<number, BodyPlace>();
  readonly reads: number[][] = [];
  beforeRead: () => void = () => {};

  put(file: number, bytes: Uint8Array): void {
    this.values.set(file, bytes);
  }

  place(number: number, file: number, offsetBytes: number, sizeBytes: number): void {
    const reference = { file, offsetBytes: 0, sizeBytes: this.values.get(file)!.length };
    this.messages.set(number, { reference, offsetBytes, sizeBytes });
  }

  read(numbers: readonly number[]): Promise<readonly (Uint8Array | null)[]> {
    const replica = {
      queue: {
        bodies: (asked: readonly number[]) => asked.map((n) => this.messages.get(n) ?? null),
      },
      values: {
        read: (references: readonly ValueReference[]) => {
          this.beforeRead();
          this.reads.push(references.map(({ file }) => file));
          return Promise.resolve(references.map(({ file }) => this.values.get(file) ?? null));
        },
      },
    };
    return readBodies(replica as unknown as QueueReplica, numbers);
  }
}

function bytes(...numbers: number[]): Uint8Array {
  return Uint8Array.from(numbers);
}

Deno.test("reads each value once, and gives each message its part; what is gone is null", async () => {
  const shelf = new Shelf();
  shelf.put(1, bytes(1, 2, 3, 4));
  shelf.put(2, bytes(5, 6));
  shelf.place(10, 1, 0, 1);
  shelf.place(11, 2, 0, 2);
  shelf.place(12, 1, 1, 3);
  shelf.place(13, 1, 4, 0);
  assert.deepEqual(await shelf.read([10, 11, 99, 12, 13]), [
    bytes(1),
    bytes(5, 6),
    null,
    bytes(2, 3, 4),
    bytes(),
  ]);
  assert.deepEqual(shelf.reads, [[1, 2]]);
  assert.deepEqual(await shelf.read([]), []);
});

Deno.test("a value that was moved is looked up again; one that cannot be found is given up", async () => {
  const shelf = new Shelf();
  shelf.put(1, bytes(1, 2));
  shelf.put(2, bytes(3));
  shelf.place(10, 1, 0, 2);
  shelf.place(11, 2, 0, 1);
  shelf.beforeRead = () => {
    if (shelf.reads.length > 0) return;
    shelf.put(7, shelf.values.get(1)!);
    shelf.values.delete(1);
    shelf.place(10, 7, 0, 2);
  };
  assert.deepEqual(await shelf.read([10, 11]), [bytes(1, 2), bytes(3)]);
  assert.deepEqual(shelf.reads, [[1, 2], [7]]);
  shelf.values.delete(7);
  assert.deepEqual(await shelf.read([10, 11]), [null, bytes(3)]);
});

Deno.test("small messages of large batches are read in slices, and hold none of these", async () => {
  const shelf = new Shelf();
  const numbers = Array.from({ length: 20 }, (_, number) => number);
  for (const number of numbers) {
    shelf.put(number, new Uint8Array(MIB).fill(number));
    shelf.place(number, number, 5, 2);
  }
  const bodies = await shelf.read(numbers);
  assert.deepEqual(bodies, numbers.map((number) => bytes(number, number)));
  assert.deepEqual(shelf.reads.map(({ length }) => length), [16, 4]);
  assert.ok(bodies.every((body) => body!.buffer.byteLength === 2));
});

Deno.test("what storage cannot read is an error that callers can be told", async () => {
  const shelf = new Shelf();
  shelf.put(1, bytes(1));
  shelf.place(10, 1, 0, 1);
  shelf.beforeRead = () => {
    throw new StorageCorruptError("the checksum is wrong", "values-1", 0);
  };
  await assert.rejects(shelf.read([10]), { name: "SkeinError", code: "STORAGE_FAILED" });
  shelf.beforeRead = () => {
    throw new TypeError("a bug");
  };
  await assert.rejects(shelf.read([10]), { name: "TypeError" });
});

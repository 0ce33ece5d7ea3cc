/**
 * Reads bodies of messages at this replica, many at once: those of one batch lie in one value, and storage reads values
 * that lie near each other together. A value that was moved meanwhile is looked up again.
 */
import { SkeinError } from "../errors.ts";
import type { ValueReference } from "../groups/values.ts";
import { StorageCorruptError, StorageFailedError } from "../storage/storage.ts";
import type { BodyPlace } from "./lane_reads.ts";
import type { QueueReplica } from "./queue_edges.ts";

/** A value moves when its file is rewritten: hardly twice while somebody reads it. */
const ATTEMPTS_MAX = 4;
/** Values in memory at once: a message may be small and its batch large. */
const VALUE_BYTES_MAX = 16 * 1024 * 1024;

type Bodies = (Uint8Array | null)[];

/**
 * @param numbers messages as answers name them
 * @returns each one's bytes as `encodeBody` made them; null where the message is gone
 * @throws {SkeinError} by rejection: STORAGE_FAILED
 */
export async function readBodies(
  replica: Pick<QueueReplica, "queue" | "values">,
  numbers: readonly number[],
): Promise<readonly (Uint8Array | null)[]> {
  try {
    return await readFrom(replica, numbers);
  } catch (error) {
    const isStorage = error instanceof StorageFailedError || error instanceof StorageCorruptError;
    throw isStorage ? new SkeinError("STORAGE_FAILED", error.message) : error;
  }
}

async function readFrom(
  replica: Pick<QueueReplica, "queue" | "values">,
  numbers: readonly number[],
): Promise<Bodies> {
  const bodies: Bodies = new Array(numbers.length).fill(null);
  let missing = numbers.map((_, place) => place);
  for (let attempt = 0; attempt < ATTEMPTS_MAX && missing.length > 0; attempt++) {
    const found = replica.queue.bodies(missing.map((place) => numbers[place]!));
    const moved: number[] = [];
    const parts = [...slices(found)];
    for (const part of parts) {
      const values = await replica.values.read(part.references);
      for (const { index, batch } of part.bodies) {
        const { offsetBytes, sizeBytes } = found[index]!;
        const body = values[batch]?.subarray(offsetBytes, offsetBytes + sizeBytes);
        // Of several slices only what is needed stays in memory.
        if (body === undefined) moved.push(missing[index]!);
        else bodies[missing[index]!] = parts.length === 1 ? body : body.slice();
      }
    }
    missing = moved;
  }
  return bodies;
}

/** Values to read together, and which of them holds each body. */
interface Slice {
  readonly references: ValueReference[];
  readonly bodies: { readonly index: number; readonly batch: number }[];
}

/** @param found bodies that are gone are left out */
function* slices(found: readonly (BodyPlace | null)[]): Generator<Slice> {
  let slice: Slice = { references: [], bodies: [] };
  let known = new Map<string, number>();
  let sizeBytes = 0;
  for (const [index, body] of found.entries()) {
    if (body === null) continue;
    const { reference } = body;
    const name = `${reference.file}:${reference.offsetBytes}`;
    let batch = known.get(name);
    if (batch === undefined) {
      if (sizeBytes > 0 && sizeBytes + reference.sizeBytes > VALUE_BYTES_MAX) {
        yield slice;
        slice = { references: [], bodies: [] };
        known = new Map();
        sizeBytes = 0;
      }
      batch = slice.references.push(reference) - 1;
      known.set(name, batch);
      sizeBytes += reference.sizeBytes;
    }
    slice.bodies.push({ index, batch });
  }
  if (slice.references.length > 0) yield slice;
}

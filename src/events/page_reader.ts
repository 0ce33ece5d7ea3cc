/**
 * Reads pages of events at this replica: the values of all their batches at once, and of these the bytes of the events
 * that belong to the page, as they are stored. A value that was moved or taken away meanwhile is looked up again.
 */
import { SkeinError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { StorageCorruptError, StorageFailedError } from "../storage/storage.ts";
import type { EventReplica } from "./event_edges.ts";
import type { PagePart, PagePlan } from "./event_reads.ts";
import type { EventPage, StoredEvent } from "./events.ts";
import { readEvent, sizeAt } from "./stored_event.ts";

/** A value moves when its file is rewritten, and goes by retention: hardly often while somebody reads it. */
const ATTEMPTS_MAX = 4;

/** A page as it travels between peers: events that follow each other, in pieces of whole ones. */
export interface PackedPage {
  readonly firstOffset: number;
  readonly nextOffset: number;
  /** Of the first event. */
  readonly offset: number;
  readonly count: number;
  readonly pieces: readonly Uint8Array[];
}

/**
 * @param after only what is behind this offset; null: from the first one that is left
 * @throws {SkeinError} by rejection: STORAGE_FAILED, UNAVAILABLE
 */
export async function readPage(
  { events, values }: EventReplica,
  topic: string,
  { after, limit }: { readonly after: number | null; readonly limit: number },
): Promise<PackedPage> {
  const bytesMax = LIMITS.eventPageBytesMax;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const plan = events.page(topic, { after, limit, bytesMax });
    try {
      const found = await values.read(plan.parts.map(({ reference }) => reference));
      if (found.every((value) => value !== null)) return packPage(plan, found, bytesMax);
    } catch (error) {
      const isStorage = error instanceof StorageFailedError || error instanceof StorageCorruptError;
      throw isStorage ? new SkeinError("STORAGE_FAILED", error.message) : error;
    }
  }
  throw new SkeinError("UNAVAILABLE", `events of ${topic} move while they are read: try again`);
}

/** @param values one a part @param bytesMax what the page may have; its first event is there whatever its size */
function packPage(
  { firstOffset, nextOffset, offset, parts }: PagePlan,
  values: readonly Uint8Array[],
  bytesMax: number,
): PackedPage {
  const pieces: Uint8Array[] = [];
  let [count, left] = [0, bytesMax];
  for (const [index, part] of parts.entries()) {
    const piece = pieceOf(values[index]!, part, left, count === 0);
    if (piece.count > 0) pieces.push(piece.bytes);
    count += piece.count;
    left -= piece.bytes.length;
    if (piece.count < part.count) break;
  }
  return { firstOffset, nextOffset, offset, count, pieces };
}

/** The events of a part, as many as there is room for. @param isFirst one at least is taken */
function pieceOf(
  bytes: Uint8Array,
  { skip, count }: PagePart,
  bytesMax: number,
  isFirst: boolean,
): { readonly bytes: Uint8Array; readonly count: number } {
  let begin = 0;
  for (let place = 0; place < skip; place++) begin += sizeAt(bytes, begin);
  let [end, taken] = [begin, 0];
  for (; taken < count; taken++) {
    const next = end + sizeAt(bytes, end);
    const isForced = isFirst && taken === 0;
    if (!isForced && next - begin > bytesMax) break;
    end = next;
  }
  return { bytes: bytes.subarray(begin, end), count: taken };
}

/** @param page of a peer of this cluster */
export function unpackPage({ firstOffset, nextOffset, offset, pieces }: PackedPage): EventPage {
  const events: StoredEvent[] = [];
  for (const bytes of pieces) {
    for (let at = 0; at < bytes.length; at += sizeAt(bytes, at)) {
      events.push(readEvent(bytes, at, offset + events.length));
    }
  }
  return { events, firstOffset, nextOffset };
}

/**
 * What leaders tell of their lanes and of dead letters to the peer that was asked, and the form of it between peers.
 * Plain and short: a partition may have thousands of lanes.
 */
import { unreadable } from "../groups/group_errors.ts";
import { LIMITS } from "../limits.ts";
import { readBodies } from "./body_reader.ts";
import type { DeadLetterView } from "./lane_reads.ts";
import type { LaneView } from "./lane_view.ts";
import { givenId, type LanePlace } from "./message_names.ts";
import type { TopicRates, TopicTotals } from "./queue.ts";
import type { QueueReplica } from "./queue_edges.ts";
import { ratesOf } from "./recent_counts.ts";
import { decodeSettings, encodeSettings } from "./topic_options.ts";

/** A lane as its leader sees it. */
export interface LaneReport extends Omit<LaneView, "oldestPublishedMs" | "recent"> {
  /** Of the oldest message that is ready; null where none is. */
  readonly oldestAgeMs: number | null;
  readonly rates: TopicRates;
}

export type LaneFields = readonly [
  string,
  number,
  readonly unknown[],
  number,
  number,
  number,
  number,
  number,
  number | null,
  TopicTotals,
  TopicRates,
];

/** @param timeMs group time now */
export function laneFields(view: LaneView, timeMs: number): LaneFields {
  const { topic, lane, settings, ready, inFlight, delayed, dead, bytes, totals } = view;
  const { oldestPublishedMs } = view;
  const ageMs = oldestPublishedMs === null ? null : Math.max(0, timeMs - oldestPublishedMs);
  const encoded = encodeSettings(settings);
  const rates = ratesOf(view.recent, totals, timeMs);
  return [topic, lane, encoded, ready, inFlight, delayed, dead, bytes, ageMs, totals, rates];
}

/** @param fields of a peer of this cluster */
export function laneReport(fields: LaneFields): LaneReport {
  const [topic, lane, encoded, ready, inFlight, delayed, dead, bytes, oldestAgeMs, totals, rates] =
    fields;
  const settings = decodeSettings(encoded);
  if (settings === undefined) throw unreadable();
  const counts = { ready, inFlight, delayed, dead, bytes, oldestAgeMs, totals, rates };
  return { topic, lane, settings, ...counts };
}

/** A dead letter with its body. */
export interface LetterFields {
  readonly id: string;
  readonly attempts: number;
  readonly reason: string;
  readonly priority: number;
  readonly publishedMs: number;
  readonly deadMs: number;
  /** As stored. */
  readonly body: Uint8Array;
}

/** Of the bodies of one page, so that it fits a frame between peers; a page has one letter at least. */
const PAGE_BYTES_MAX = LIMITS.bodyBytesMax;

/** @param wallOffsetMs what to add to group time for milliseconds since 1970 */
export async function letterFields(
  replica: QueueReplica,
  place: LanePlace,
  letters: readonly DeadLetterView[],
  wallOffsetMs: number,
): Promise<readonly LetterFields[]> {
  const page = upTo(letters, PAGE_BYTES_MAX);
  const bodies = await readBodies(replica, page.map(({ number }) => number));
  const fields: LetterFields[] = [];
  for (const [index, { number, id, publishedMs, deadMs, ...letter }] of page.entries()) {
    const body = bodies[index];
    // Put back and acknowledged, or purged, since it was listed.
    if (body === null || body === undefined) continue;
    fields.push({
      id: id ?? givenId(place, number),
      attempts: letter.attempts,
      reason: letter.reason,
      priority: letter.priority,
      publishedMs: publishedMs + wallOffsetMs,
      deadMs: deadMs + wallOffsetMs,
      body,
    });
  }
  return fields;
}

function upTo(letters: readonly DeadLetterView[], bytesMax: number): readonly DeadLetterView[] {
  let bytes = 0;
  const end = letters.findIndex(({ body }, place) => {
    bytes += body.sizeBytes;
    return place > 0 && bytes > bytesMax;
  });
  return end < 0 ? letters : letters.slice(0, end);
}

/** Mutants of the event log: deduplication, offsets, counts, retention, snapshots, pages and streams. */
import { type Mutant, sim, test } from "./mutant.ts";

const EVENTS = test("tests/events");

export const EVENTS_MUTANTS: readonly Mutant[] = [
  {
    name: "an event is stored as often as it comes",
    file: "src/events/publishing.ts",
    search: `if (known === NONE) table.append(log, offset++, timeMs, identities, place);`,
    replace: `if (known < first) table.append(log, offset++, timeMs, identities, place);`,
    caughtBy: [EVENTS],
  },
  {
    name: "an identity is compared in its first half alone",
    file: "src/events/identity_table.ts",
    search: `    for (let word = 0; word < IDENTITY_WORDS; word++) {
      if (this.half(page, at + word) !== words[word]) return false;`,
    replace: `    for (let word = 0; word < 2; word++) {
      if (this.half(page, at + word) !== words[word]) return false;`,
    caughtBy: [EVENTS],
  },
  {
    name: "a duplicate uses up an offset",
    file: "src/events/publishing.ts",
    search: `      log.nextOffset = offset;`,
    replace: `      log.nextOffset = first + count;`,
    caughtBy: [EVENTS, sim()],
  },
  {
    name: "what is expected of the offset counts for nothing",
    file: "src/events/publishing.ts",
    search: `if (expectedOffset === null || expectedOffset === nextOffset) return null;`,
    replace: `if (expectedOffset === null || expectedOffset <= nextOffset) return null;`,
    caughtBy: [EVENTS],
  },
  {
    name: "a batch of duplicates is refused for its offset",
    file: "src/events/publishing.ts",
    search: `    if (unknown > 0) {`,
    replace: `    if (unknown >= 0) {`,
    caughtBy: [EVENTS],
  },
  {
    name: "duplicates are not counted as received",
    file: "src/events/publishing.ts",
    search: `    log.received += count;`,
    replace: `    log.received += unknown;`,
    caughtBy: [EVENTS],
  },
  {
    name: "the bound of ids is forgotten",
    file: "src/events/publishing.ts",
    search: `    if (hasRoom) return null;`,
    replace: `    if (hasRoom || unknown === 1) return null;`,
    caughtBy: [EVENTS],
  },
  {
    name: "the bytes of duplicates are stored as well",
    file: "src/events/publishing.ts",
    search: `    if (duplicates.length === 0) return bodies;`,
    replace: `    if (duplicates.length < count) return bodies;`,
    caughtBy: [EVENTS],
  },
  {
    name: "retention takes the ids away with the events",
    file: "src/events/trimming.ts",
    search: `  return forgetAfterMs !== null && state`,
    replace: `  return log.batches.length === 0 || forgetAfterMs !== null && state`,
    caughtBy: [EVENTS],
  },
  {
    name: "retention takes one batch too many",
    file: "src/events/trimming.ts",
    search: `if (count !== null && log.nextOffset - end >= count) return true;`,
    replace: `if (count !== null && log.nextOffset - end >= count - 1) return true;`,
    caughtBy: [EVENTS],
  },
  {
    name: "a snapshot forgets how much was received",
    file: "src/events/events_state.ts",
    search: `        log.received = received;`,
    replace: `        log.received = nextOffset;`,
    caughtBy: [EVENTS],
  },
  {
    name: "topics change under a snapshot",
    file: "src/events/publishing.ts",
    search: `    this.#state.touch(log);`,
    replace: ``,
    caughtBy: [EVENTS],
  },
  {
    name: "identities that came with a snapshot are not found",
    file: "src/events/identity_table.ts",
    search: `      range.identities += count;
      this.#count += count;
      for (let place = 0; place < count; place++) {`,
    replace: `      range.identities += count;
      this.#count += count;
      for (let place = 1; place < count; place++) {`,
    caughtBy: [EVENTS],
  },
  {
    name: "the time of arrival is part of what a request asks",
    file: "src/events/commands.ts",
    search: `events.count, crc32(events.identities)];`,
    replace: `events.count, crc32(events.bodies)];`,
    caughtBy: [EVENTS],
  },
  {
    name: "a page begins with the one that was asked behind",
    file: "src/events/event_reads.ts",
    search: `after === null ? 0 : after + 1));`,
    replace: `after === null ? 0 : after));`,
    caughtBy: [EVENTS, sim()],
  },
  {
    name: "a page is read without a barrier",
    file: "src/groups/answering.ts",
    search: `  if (stale !== true) await edges.groups.readBarrier(group, timeoutMs);`,
    replace: ``,
    caughtBy: [EVENTS, sim()],
  },
  {
    name: "who waits for events is not woken",
    file: "src/events/service.ts",
    search: `if (effect.kind === "eventsStored") this.#news.wake(group, effect.topic);`,
    replace: `if (effect.kind !== "eventsStored") this.#news.wake(group, effect.topic);`,
    caughtBy: [EVENTS],
  },
  {
    name: "what came while a page was read wakes nobody",
    file: "src/events/event_answers.ts",
    search: `    if (replica.events.nextOffset(topic) <= wanted) {`,
    replace: `    if (wanted >= 0) {`,
    caughtBy: [EVENTS],
  },
  {
    name: "an event that no page has room for is left out",
    file: "src/events/page_reader.ts",
    search: `    const isForced = isFirst && taken === 0;`,
    replace: `    const isForced = false;`,
    caughtBy: [EVENTS],
  },
  {
    name: "callers that share an entry share their offsets",
    file: "src/events/event_sender.ts",
    search: `    offset += count - (seen - begin);`,
    replace: `    offset += count;`,
    caughtBy: [EVENTS],
  },
  {
    name: "a stream ends without a word when its peer stops",
    file: "src/events/event_reader.ts",
    search: `    if (!signal.aborted) throw this.#closing.signal.reason;`,
    replace: ``,
    caughtBy: [EVENTS],
  },
];

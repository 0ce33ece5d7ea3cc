/** How states and events of the protocol are called in its table of transitions. */
import type { Entry, EntryEffect, EntryEvent } from "../../src/cache/directory_entry.ts";
import { isForgettable } from "../../src/cache/directory_entry.ts";
import type { Line } from "../../src/cache/line.ts";
import type { LineEffect, LineEvent } from "../../src/cache/line_events.ts";

/** `I → S`: Invalid, and asked for Shared. `S ⋯`: Shared, and a write of before is not confirmed. */
export function lineName({ state, ask, owed }: Line): string {
  const asked = ask === null ? "" : ask.wish === "shared" ? " → S" : " → M";
  return `${state}${asked}${owed === null ? "" : " ⋯"}`;
}

export function lineEventName(event: LineEvent): string {
  switch (event.kind) {
    case "ask":
      return event.wish === "shared" ? "must read" : "must write";
    case "granted":
      return `granted ${event.state}${event.content === null ? " without content" : ""}`;
    case "recall":
      return `recall to ${event.to}`;
    default:
      return event.kind;
  }
}

export function lineEffectName(effect: LineEffect): string | null {
  switch (effect.kind) {
    case "ask":
      return effect.wish === "shared" ? "GetShared" : "GetModified";
    case "acknowledge":
      return `acknowledge${effect.kept ? ", S kept" : ""}${effect.dirty === null ? "" : ", dirty"}`;
    case "writeBack":
      return `write back, keeps ${effect.keeps}`;
    case "invalidated":
      return "log INVAL";
    case "wake":
      return null;
    default:
      return effect.kind;
  }
}

/** Who holds the line and what is under way. */
export function entryName(entry: Entry): string {
  if (isForgettable(entry)) return "uncached";
  const { holders, job, writes, removing, exact } = entry;
  const owned = holders.some(({ mode }) => mode === "owned");
  const parts = [holders.length === 0 ? "uncached" : owned ? "owned" : "shared"];
  if (job !== null) parts.push(removing ? "removing" : `for ${job.kind}`);
  if (writes.length > 0) parts.push("writing");
  if (!exact) parts.push("unsure");
  return parts.join(", ");
}

export function entryEventName(event: EntryEvent): string {
  switch (event.kind) {
    case "ask":
      return {
        shared: "GetShared",
        owned: "GetModified",
        remove: "delete",
        invalidate: "invalidate",
      }[
        event.job.kind
      ];
    case "acknowledged":
      return `acknowledged${event.kept ? ", S kept" : ""}${event.dirty === null ? "" : ", dirty"}`;
    case "writeBack":
      return `write-back, keeps ${event.keeps}`;
    case "reported":
      return `reported ${event.line.kind}`;
    default:
      return event.kind;
  }
}

export function entryEffectName(effect: EntryEffect): string {
  switch (effect.kind) {
    case "recall":
      return `recall to ${effect.to}`;
    case "grant":
      return `grant ${effect.state}${effect.withContent ? "" : " without content"}`;
    default:
      return effect.kind;
  }
}

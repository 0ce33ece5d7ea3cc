/**
 * Takes events to lines, and carries out what they cause: messages to homes, answers to durable writers, the log, the
 * counters. Every effect that is a message is the last of its step, because one to this peer's own home may be answered
 * before `step` returns.
 *
 * That a clean line went is told to its home with the next message to it, or with `sendRiding`, which comes within a
 * flush interval.
 */
import { unreachable } from "../assert.ts";
import { SkeinError } from "../errors.ts";
import type { Clock } from "../clock.ts";
import type { Logger } from "../logger.ts";
import { stepLine } from "./line.ts";
import type { LineCounters } from "./line_counters.ts";
import type { LineEffect, LineEvent } from "./line_events.ts";
import type { LineSlot } from "./line_slot.ts";
import type { LineTable } from "./line_table.ts";
import type { DroppedMessage } from "./messages.ts";
import type { PartitionLines } from "./partition_lines.ts";
import type { CachePost, PartitionMessage } from "./post.ts";
import { compareVersions, type Version, versionText } from "./version.ts";

export interface LineStepsEdges {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly post: Pick<CachePost, "toHome">;
  readonly table: LineTable;
  readonly counters: LineCounters;
  /** Something is to be written back, or sent again. */
  dirty(slot: LineSlot): void;
  /** Who waits for the line looks again. */
  wake(slot: LineSlot): void;
}

export class LineSteps {
  readonly #edges: LineStepsEdges;
  readonly #riding = new Map<PartitionLines, DroppedMessage[]>();

  constructor(edges: LineStepsEdges) {
    this.#edges = edges;
  }

  step(slot: LineSlot, event: LineEvent): void {
    const before = slot.line;
    const { line, effects } = stepLine(before, event);
    if (line !== before) {
      slot.line = line;
      slot.hit = null;
      this.#edges.table.changed(slot);
      if (line.owed !== null && line.owed !== before.owed) this.#edges.dirty(slot);
    }
    for (const effect of effects) this.#carryOut(slot, effect, event);
  }

  #carryOut(slot: LineSlot, effect: LineEffect, event: LineEvent): void {
    const { partition, key } = slot;
    const { term, session } = partition.lease;
    const at = { partition: partition.partition, term, key };
    switch (effect.kind) {
      case "ask":
        slot.askedMs = this.#edges.clock.monotonicMs();
        return session === null ? undefined : this.#send(partition, { ...at, session, ...effect });
      case "writeBack": {
        this.#edges.counters.writeBacks++;
        return session === null ? undefined : this.#send(partition, { ...at, session, ...effect });
      }
      case "acknowledge":
        return this.#send(partition, { ...at, ...effect });
      case "dropped":
        return this.#ride(partition, { ...at, ...effect });
      case "invalidated":
        this.#edges.counters.invalidations++;
        return this.#edges.logger.log("info", `Received INVAL for ${key}. State -> I`);
      case "safe":
        return this.#safe(slot, effect.version);
      case "lost":
        return this.#lost(slot, effect.version, event);
      case "wake":
        return this.#edges.wake(slot);
      default:
        return unreachable(effect);
    }
  }

  /** The ask under way may have been lost, or its answer: it is sent again, as it is. */
  askAgain(slot: LineSlot): void {
    const { ask } = slot.line;
    const { term, session, mayAsk } = slot.partition.lease;
    if (ask === null || session === null || !mayAsk) return;
    slot.askedMs = this.#edges.clock.monotonicMs();
    const { request, wish, holds } = ask;
    const at = { partition: slot.partition.partition, term, key: slot.key, session };
    this.#send(slot.partition, { kind: "ask", ...at, request, wish, holds });
  }

  #send(partition: PartitionLines, message: PartitionMessage): void {
    this.#sendRidingOf(partition);
    this.#edges.post.toHome(message, partition.lease.home);
  }

  #ride(partition: PartitionLines, message: DroppedMessage): void {
    const others = this.#riding.get(partition);
    if (others === undefined) this.#riding.set(partition, [message]);
    else others.push(message);
  }

  /** Whether some word waits for a message to ride with. */
  get isRiding(): boolean {
    return this.#riding.size > 0;
  }

  /** What waits for another message goes now. */
  sendRiding(): void {
    for (const partition of [...this.#riding.keys()]) this.#sendRidingOf(partition);
  }

  #sendRidingOf(partition: PartitionLines): void {
    const messages = this.#riding.get(partition);
    if (messages === undefined) return;
    this.#riding.delete(partition);
    const { term, home } = partition.lease;
    for (const message of messages) {
      // A newer home has heard from the inventory what is here.
      if (message.term === term) this.#edges.post.toHome(message, home);
    }
  }

  #safe(slot: LineSlot, version: Version): void {
    if (slot.durables.length === 0) return;
    const isSafe = (written: Version) => compareVersions(written, version) <= 0;
    const safe = slot.durables.filter((durable) => isSafe(durable.version));
    slot.durables = slot.durables.filter((durable) => !isSafe(durable.version));
    for (const durable of safe) durable.safe();
    this.#edges.table.forgetIfEmpty(slot);
  }

  #lost(slot: LineSlot, version: Version, { kind }: LineEvent): void {
    this.#edges.counters.lost++;
    const why = kind === "lapsed" ? "its lease is over" : "its home refused it";
    this.#edges.logger.log("warn", `lost what was written to ${slot.key}: ${why}`, {
      version: versionText(version),
    });
    const { durables } = slot;
    slot.durables = [];
    const what = `the lease ended before the write of ${slot.key} was known to be committed`;
    for (const durable of durables) durable.lost(new SkeinError("OUTCOME_UNKNOWN", what));
    this.#edges.table.forgetIfEmpty(slot);
  }
}

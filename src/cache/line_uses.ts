/**
 * What a line that is here gives its callers: whether it may be used at this moment, what a read of it is answered, and
 * the write that needs no message. Values whose time is over are read as none.
 */
import type { Clock } from "../clock.ts";
import type { CacheValue, GetAnswer, LineLetter, PutAnswer } from "./cache.ts";
import { canWrite } from "./line.ts";
import type { LineSlot } from "./line_slot.ts";
import type { PartitionLines } from "./partition_lines.ts";
import type { LineSteps } from "./line_steps.ts";
import { parseVersion, sameVersion, type Version, versionText } from "./version.ts";

export interface LineWrite {
  readonly data: Uint8Array;
  readonly ttlMs: number | null;
  readonly durable: boolean;
  /** As `PutRequest.ifVersion`. */
  readonly ifVersion: string | null | undefined;
}

export interface LineUsesEdges {
  readonly clock: Clock;
  readonly steps: LineSteps;
  /** A line takes no write while an older one of it is unconfirmed for longer. */
  readonly unconfirmedMaxMs: number;
  /** Group time by this peer's own replica; null: it has none. */
  timeMs(partition: number): number | null;
}

export class LineUses {
  readonly #edges: LineUsesEdges;
  /** Monotonic time when it was last looked whether a line is usable: a write follows at once. */
  #lookedMs = 0;

  constructor(edges: LineUsesEdges) {
    this.#edges = edges;
  }

  /** Whether the line may be read at this moment, and by its state perhaps written. */
  isUsable({ line: { grant }, partition }: LineSlot): boolean {
    if (grant === null) return false;
    const { clock } = this.#edges;
    this.#lookedMs = clock.monotonicMs();
    return partition.lease.covers(grant, this.#lookedMs, clock.wallMs());
  }

  /** What a read that needs no message is answered. The line is usable. */
  hit(slot: LineSlot): GetAnswer {
    if (slot.hit === null) slot.hit = this.answer(slot, "hit");
    // An answer is kept while the line is as it is, and its time may end meanwhile.
    else if (this.#isOver(slot)) slot.hit = nothing(slot);
    return slot.hit;
  }

  /** The line is usable. */
  answer(slot: LineSlot, status: "hit" | "filled"): GetAnswer {
    const { version, value, expiresMs } = slot.line.content!;
    if (version === null || this.#isOver(slot)) return nothing(slot);
    const expiresAt = this.#expiresAt(slot.partition, expiresMs);
    const found: CacheValue = { data: value!, version: versionText(version), expiresAt };
    return { status, state: slot.line.state, value: found, fillToken: null };
  }

  #expiresAt(partition: PartitionLines, expiresMs: number | null): string | null {
    if (expiresMs === null) return null;
    const leftMs = expiresMs - this.#timeMs(partition);
    return new Date(this.#edges.clock.wallMs() + leftMs).toISOString();
  }

  /** Whether the value's time is over. */
  #isOver({ line, partition }: LineSlot): boolean {
    const { expiresMs } = line.content!;
    return expiresMs !== null && expiresMs <= this.#timeMs(partition);
  }

  /**
   * Group time, as far as this peer can tell. Whoever has a lease was told; a replica of its own may be behind that,
   * because it was away while its group went on and sleeps now.
   */
  #timeMs(partition: PartitionLines): number {
    const { clock, timeMs } = this.#edges;
    const toldMs = partition.timeMs(clock.monotonicMs()) ?? 0;
    return Math.max(toldMs, timeMs(partition.partition) ?? 0);
  }

  state(slot: LineSlot): LineLetter {
    return this.isUsable(slot) ? slot.line.state : "I";
  }

  /** The line was just found usable. @returns null: it may be read only, or must not be written at present */
  write(slot: LineSlot, { data, ttlMs, ifVersion }: LineWrite): PutAnswer | null {
    if (ifVersion !== undefined) {
      const present = this.#isOver(slot) ? null : slot.line.content!.version;
      if (!isWanted(ifVersion, present)) {
        const version = present === null ? null : versionText(present);
        return { ok: false, code: "CONFLICT", version };
      }
    }
    const nowMs = this.#lookedMs;
    if (!canWrite(slot.line, nowMs, this.#edges.unconfirmedMaxMs)) return null;
    const expiresMs = ttlMs === null ? null : Math.round(this.#timeMs(slot.partition) + ttlMs);
    this.#edges.steps.step(slot, { kind: "write", value: data, expiresMs, nowMs });
    return { ok: true, state: "M", version: versionText(slot.line.content!.version!) };
  }
}

function nothing({ line }: LineSlot): GetAnswer {
  return { status: "miss", state: line.state, value: null, fillToken: null };
}

/** @param wanted null: where there is no value */
function isWanted(wanted: string | null, present: Version | null): boolean {
  if (wanted === null || present === null) return wanted === null && present === null;
  const version = parseVersion(wanted);
  return version !== null && sameVersion(version, present);
}

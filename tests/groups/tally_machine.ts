/** A machine for tests of what surrounds machines: it counts under names, and can wait and expire. */
import type { ApplyContext, Effect, Machine, Outcome } from "../../src/groups/machine.ts";
import { refuse } from "../../src/groups/refusal.ts";
import { SnapshotMap } from "../../src/groups/snapshot_map.ts";
import { readRows, RowChunks } from "../../src/groups/snapshot_rows.ts";

/** `["add", name, n]`, `["wait", name, spanMs]`, `["refuse"]` */
export type TallyCommand =
  | readonly ["add", string, number]
  | readonly ["wait", string, number]
  | readonly ["refuse"];

export interface TallyEffect extends Effect {
  readonly kind: "ended";
  readonly by: string;
}

interface Wait {
  readonly deadlineMs: number;
  readonly ticket: number;
}

export class TallyMachine implements Machine<TallyCommand, TallyEffect> {
  readonly name: string;
  readonly counts = new SnapshotMap<string, number>((name, count) => [name, count]);
  #waits: Wait[] = [];

  constructor(name = "tally") {
    this.name = name;
  }

  decode(body: unknown): TallyCommand | null {
    if (!Array.isArray(body)) return null;
    const [kind, name, number] = body;
    if (kind === "refuse") return ["refuse"];
    if ((kind !== "add" && kind !== "wait") || typeof name !== "string") return null;
    return Number.isSafeInteger(number) ? [kind, name, number] : null;
  }

  apply(command: TallyCommand, context: ApplyContext): Outcome<TallyEffect> {
    if (command[0] === "refuse") {
      return { answer: refuse("TOO_MANY_REQUESTS", "as asked for"), effects: [] };
    }
    const [kind, name, number] = command;
    if (kind === "add") {
      const count = (this.counts.get(name) ?? 0) + number;
      this.counts.set(name, count);
      return { answer: count, effects: [] };
    }
    this.#waits.push({ deadlineMs: context.timeMs + Math.max(1, number), ticket: context.index });
    this.#waits.sort((a, b) => a.deadlineMs - b.deadlineMs || a.ticket - b.ticket);
    return { answer: "waiting", effects: [], ticket: context.index };
  }

  expire(context: ApplyContext): readonly TallyEffect[] {
    const due = this.#waits.filter(({ deadlineMs }) => deadlineMs <= context.timeMs);
    this.#waits = this.#waits.filter(({ deadlineMs }) => deadlineMs > context.timeMs);
    return due.map(({ ticket }) => ({
      kind: "ended",
      by: this.name,
      settles: { ticket, answer: `ended at ${context.timeMs}` },
    }));
  }

  nextDeadlineMs(): number | null {
    return this.#waits[0]?.deadlineMs ?? null;
  }

  snapshot(): Iterator<Uint8Array> {
    const rows = this.counts.snapshot();
    const waits = [...this.#waits];
    let first = true;
    return new RowChunks({
      next() {
        if (!first) return rows.next() as IteratorResult<unknown>;
        first = false;
        return { done: false, value: waits.map(({ deadlineMs, ticket }) => [deadlineMs, ticket]) };
      },
      return: () => rows.return!(),
    });
  }

  restore(chunks: Iterable<Uint8Array>): void {
    this.counts.clear();
    this.#waits = [];
    const rows = readRows(chunks);
    const waits = rows.next();
    if (waits.done === true) return;
    this.#waits = (waits.value as [number, number][]).map(([deadlineMs, ticket]) => ({
      deadlineMs,
      ticket,
    }));
    for (const row of rows) this.counts.set(...(row as [string, number]));
  }

  checkInvariants(): void {}
}

/**
 * The state machine of one group: named machines together with what they share, that is group time, the
 * table of request ids and the snapshot's frame. Pure and deterministic; `group.ts` feeds it the committed
 * entries in order, each once.
 *
 * For each entry: time goes on to its stamp; what is due in any machine expires, then what is over in the
 * table; then a command's request id is looked up; then its machine applies it. A payload that this version
 * cannot read, or that names what it does not know, is answered with a refusal: a cluster may run two versions.
 */
import { assert } from "../assert.ts";
import { decode, encode } from "../codec/msgpack.ts";
import type { Entry } from "../raft/entry.ts";
import { digestOf } from "./digest.ts";
import { decodeEnvelope, TICK_PAYLOAD } from "./envelope.ts";
import type { RequestKey } from "./groups.ts";
import type { ApplyContext, Effect, Machine, Outcome } from "./machine.ts";
import { isRefused, refuse } from "./refusal.ts";
import type { RequestRecord } from "./request_records.ts";
import { RequestTable, type RequestTableLimits } from "./request_table.ts";
import { END_SECTION, frameOf, readFrames, type SnapshotFrame } from "./snapshot_frames.ts";
import type { ValueHolder, ValueReference } from "./values.ts";

/** A machine of any kind; its commands are its own business. */
// deno-lint-ignore no-explicit-any
export type AnyMachine = Machine<any, Effect>;

/** What an entry came to. The answer may be a refusal: see `refusal.ts`. */
export interface Applied {
  readonly answer: unknown;
  readonly effects: readonly Effect[];
  readonly context: ApplyContext;
}

const SNAPSHOT_VERSION = 1;
const HEADER_SECTION = 0;
const TABLE_SECTION = 1;
/** The machines' sections follow in the order in which the header names them. */
const MACHINE_SECTION = 2;

export class GroupMachine implements ValueHolder {
  readonly group: number;
  readonly #machines: ReadonlyMap<string, AnyMachine>;
  readonly #requests: RequestTable;
  #timeMs = 0;
  #snapshot: GroupSnapshot | null = null;

  /**
   * @param group its id, for the machines' context
   * @param machines with names of their own; their order is the order of expiry at equal deadlines
   * @param limits bounds of the table of request ids; `LIMITS` by default
   */
  constructor(group: number, machines: readonly AnyMachine[], limits?: RequestTableLimits) {
    this.group = group;
    this.#machines = new Map(machines.map((machine) => [machine.name, machine]));
    assert(this.#machines.size === machines.length, "machines of a group have different names");
    assert(machines.length < END_SECTION - MACHINE_SECTION, "each machine has a section number");
    this.#requests = new RequestTable(limits);
  }

  /** Group time after the last applied entry. */
  get timeMs(): number {
    return this.#timeMs;
  }

  /** Whether a request of this id was executed, and would be answered as then. */
  remembers(request: RequestKey): boolean {
    return this.#requests.has(request);
  }

  /** The payload of an entry by which only time passes. */
  get tickPayload(): Uint8Array {
    return TICK_PAYLOAD;
  }

  /** What the remembered request ids count against their bound. */
  get requestBytes(): number {
    return this.#requests.bytes;
  }

  /**
   * Applies one committed entry.
   * @param entry the one that follows the last applied, or the restored snapshot
   */
  apply(entry: Entry): Applied {
    const { index, term } = entry;
    this.#timeMs = Math.max(this.#timeMs, entry.timeMs);
    const context = { group: this.group, index, term, timeMs: this.#timeMs };
    const expired = this.#expire(context);
    if (entry.kind !== "command") return { answer: null, effects: expired, context };
    const { answer, effects } = this.#command(entry.payload, context);
    const all = expired.length === 0 ? effects : [...expired, ...effects];
    return { answer, effects: all, context };
  }

  /** Machine by machine, the one with the earliest deadline first; each in its own order. */
  #expire(context: ApplyContext): readonly Effect[] {
    const effects: Effect[] = [];
    for (let due = this.#due(); due !== null; due = this.#due()) {
      const expired = due.expire(context);
      this.#settle(expired, context.timeMs);
      for (const effect of expired) effects.push(effect);
      const nextMs = due.nextDeadlineMs();
      assert(nextMs === null || nextMs > context.timeMs, `${due.name} expires all that is due`);
    }
    this.#requests.expire(context.timeMs);
    return effects;
  }

  #due(): AnyMachine | null {
    let first: AnyMachine | null = null;
    let firstMs = this.#timeMs;
    for (const machine of this.#machines.values()) {
      const deadlineMs = machine.nextDeadlineMs();
      if (deadlineMs === null || deadlineMs > firstMs) continue;
      if (first !== null && deadlineMs === firstMs) continue;
      first = machine;
      firstMs = deadlineMs;
    }
    return first;
  }

  #settle(effects: readonly Effect[], timeMs: number): void {
    for (const { settles } of effects) {
      if (settles !== undefined) this.#requests.settle(settles.ticket, settles.answer, timeMs);
    }
  }

  #command(payload: Uint8Array, context: ApplyContext): Outcome {
    const envelope = decodeEnvelope(payload);
    if (envelope === null) return unknown("a command of an unknown form");
    if (envelope.kind === "tick") return NOTHING;
    const machine = this.#machines.get(envelope.machine);
    if (machine === undefined) return unknown(`a command for ${envelope.machine}`);
    const command: unknown = machine.decode(envelope.body);
    if (command === null) return unknown(`this command of ${envelope.machine}`);
    const outcome = envelope.request === null
      ? machine.apply(command, context)
      : this.#request(machine, command, envelope.request, context);
    this.#settle(outcome.effects, context.timeMs);
    return outcome;
  }

  #request(
    machine: AnyMachine,
    command: unknown,
    key: RequestKey,
    context: ApplyContext,
  ): Outcome {
    const identity = machine.identityOf === undefined ? command : machine.identityOf(command);
    const found = this.#requests.begin(key, digestOf([machine.name, identity]), context.timeMs);
    switch (found.kind) {
      case "refused":
        return { answer: found.answer, effects: [] };
      case "new": {
        const outcome = machine.apply(command, context);
        if (isRefused(outcome.answer)) this.#requests.withdraw(found.record);
        else this.#remember(found.record, outcome, context);
        return outcome;
      }
      case "repeat": {
        const { answer, ticket } = found.record;
        if (machine.repeat === undefined) return { answer, effects: [] };
        const outcome = machine.repeat(command, answer, context);
        const changed = outcome.answer !== answer || (outcome.ticket ?? null) !== ticket;
        if (changed && !isRefused(outcome.answer)) this.#remember(found.record, outcome, context);
        return outcome;
      }
    }
  }

  #remember(
    record: RequestRecord,
    outcome: Outcome,
    context: ApplyContext,
  ): void {
    this.#requests.answer(record, outcome.answer, outcome.ticket ?? null, context.timeMs);
  }

  /** As `ValueHolder.valuesIn`, of all machines together. */
  valuesIn(file: number, max: number): readonly ValueReference[] {
    const held: ValueReference[] = [];
    for (const machine of this.#machines.values()) {
      if (held.length >= max) break;
      for (const one of machine.valuesIn?.(file, max - held.length) ?? []) held.push(one);
    }
    return held;
  }

  /** As `ValueHolder.moved`: one machine at most holds it. */
  moved(from: ValueReference, to: ValueReference): boolean {
    for (const machine of this.#machines.values()) {
      if (machine.moved?.(from, to) === true) return true;
    }
    return false;
  }

  /** Group time of the earliest deadline of any machine; null where there is none. */
  nextDeadlineMs(): number | null {
    let earliestMs: number | null = null;
    for (const machine of this.#machines.values()) {
      const deadlineMs = machine.nextDeadlineMs();
      if (deadlineMs === null || (earliestMs !== null && earliestMs <= deadlineMs)) continue;
      earliestMs = deadlineMs;
    }
    return earliestMs;
  }

  /**
   * Begins a snapshot of exactly this moment, which is pulled while further entries are applied.
   * One at a time: another one that is under way ends. `return()` ends it early.
   */
  snapshot(): Iterator<Uint8Array> {
    this.#snapshot?.return();
    const names = [...this.#machines.keys()];
    const sections = [
      [encode([SNAPSHOT_VERSION, this.#timeMs, names])].values(),
      this.#requests.snapshot(),
      ...[...this.#machines.values()].map((machine) => machine.snapshot()),
    ];
    this.#snapshot = new GroupSnapshot(sections);
    return this.#snapshot;
  }

  /**
   * Takes the place of all state.
   * @param pieces the bytes of a whole, verified snapshot, cut anywhere
   * @throws {Error} where another version wrote it and this one would lose part of it; the state is then void
   */
  restore(pieces: Iterable<Uint8Array>): void {
    this.#snapshot?.return();
    this.#snapshot = null;
    const frames = new SectionReader(readFrames(pieces));
    const names = this.#readHeader([...frames.section(HEADER_SECTION)]);
    this.#requests.restore(frames.section(TABLE_SECTION));
    for (const [place, name] of names.entries()) {
      const machine = this.#machines.get(name);
      if (machine === undefined) {
        throw new Error(`the snapshot has state of ${name}, which this version does not know`);
      }
      machine.restore(frames.section(MACHINE_SECTION + place));
    }
    // A machine that is newer than the snapshot begins empty.
    for (const [name, machine] of this.#machines) if (!names.includes(name)) machine.restore([]);
    frames.end();
  }

  #readHeader(chunks: readonly Uint8Array[]): readonly string[] {
    assert(chunks.length === 1, "a snapshot has one header");
    const header = decode(chunks[0]!);
    assert(header.ok, "the header of a verified snapshot can be decoded");
    const [version, timeMs, names] = header.value as [number, number, readonly string[]];
    if (version !== SNAPSHOT_VERSION) {
      throw new Error(
        `the snapshot has version ${version}, this program reads ${SNAPSHOT_VERSION}`,
      );
    }
    this.#timeMs = timeMs;
    return names;
  }

  /** Throws an AssertionError if the state contradicts itself. */
  checkInvariants(): void {
    this.#requests.checkInvariants();
    for (const machine of this.#machines.values()) machine.checkInvariants();
    const deadlineMs = this.nextDeadlineMs();
    assert(
      deadlineMs === null || deadlineMs > this.#timeMs,
      `nothing is due at ${this.#timeMs} that was not expired, but ${deadlineMs} is`,
    );
  }
}

const NOTHING: Outcome = { answer: null, effects: [] };

function unknown(what: string): Outcome {
  return { answer: refuse("INVALID", `${what} is not known to this version`), effects: [] };
}

/** The sections' chunks in frames, one section after the other. All of them have begun already. */
class GroupSnapshot implements Iterator<Uint8Array> {
  readonly #sections: readonly Iterator<Uint8Array>[];
  #current = 0;
  #ended = false;

  constructor(sections: readonly Iterator<Uint8Array>[]) {
    this.#sections = sections;
  }

  next(): IteratorResult<Uint8Array> {
    while (this.#current < this.#sections.length) {
      const step = this.#sections[this.#current]!.next();
      if (step.done !== true) return { done: false, value: frameOf(this.#current, step.value) };
      this.#current++;
    }
    if (this.#ended) return { done: true, value: undefined };
    this.#ended = true;
    return { done: false, value: frameOf(END_SECTION, new Uint8Array(0)) };
  }

  return(): IteratorResult<Uint8Array> {
    if (!this.#ended) { for (const section of this.#sections) section.return?.(); }
    this.#ended = true;
    this.#current = this.#sections.length;
    return { done: true, value: undefined };
  }
}

/** Deals the frames out to the sections, which are read in their order, each once. */
class SectionReader {
  readonly #frames: Iterator<SnapshotFrame>;
  #next: IteratorResult<SnapshotFrame>;

  constructor(frames: Iterator<SnapshotFrame>) {
    this.#frames = frames;
    this.#next = frames.next();
  }

  *section(number: number): Generator<Uint8Array, void, undefined> {
    while (this.#next.done !== true && this.#next.value.section === number) {
      const { bytes } = this.#next.value;
      this.#next = this.#frames.next();
      yield bytes;
    }
  }

  end(): void {
    assert(this.#next.done === true, "a snapshot has no section that nobody reads");
  }
}

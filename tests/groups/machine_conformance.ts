/**
 * What every replicated state machine must do, whatever its commands: run by each machine's tests with its
 * own commands. A machine is tested inside a `GroupMachine`, as it runs in production, with request ids,
 * retries and time that sometimes leaps; every run comes from a seed, which a failure names.
 */
import assert from "node:assert/strict";
import { encodeEnvelope } from "../../src/groups/envelope.ts";
import { type AnyMachine, GroupMachine } from "../../src/groups/group_machine.ts";
import type { RequestKey } from "../../src/groups/groups.ts";
import type { Entry } from "../../src/raft/entry.ts";
import { Random } from "../../src/random.ts";

export interface Subject {
  /** An empty machine. */
  make(): AnyMachine;
  /** The body of some command that `decode` takes; few different names, so that commands meet. */
  body(random: Random): unknown;
}

const ENTRIES = 600;
const SEEDS = 12;

/** Registers the tests of one machine. */
export function testMachineConformance(name: string, subject: Subject): void {
  const test = (what: string, run: (seed: number) => void) =>
    Deno.test(`${name}: ${what}`, () => {
      for (let seed = 1; seed <= SEEDS; seed++) {
        try {
          run(seed);
        } catch (error) {
          throw new Error(`seed ${seed}`, { cause: error });
        }
      }
    });

  test("equal entries give equal answers, effects and deadlines", (seed) => {
    const entries = history(subject, seed);
    const [one, other] = [group(subject), group(subject)];
    for (const entry of entries) applyBoth(one, other, entry);
  });

  test("a snapshot of any moment, pulled while entries go on, replays the rest alike", (seed) => {
    const random = new Random(seed, 1);
    const entries = history(subject, seed);
    const machine = group(subject);
    const begin = random.integer(0, entries.length - 1);
    for (const entry of entries.slice(0, begin)) machine.apply(entry);
    const snapshot = machine.snapshot();
    const chunks: Uint8Array[] = [];
    for (const entry of entries.slice(begin)) {
      if (random.chance(0.1)) pull(snapshot, chunks);
      machine.apply(entry);
    }
    while (pull(snapshot, chunks));
    replaysAlike(subject, entries, begin, recut(chunks, random));
  });

  test("a snapshot that is given up disturbs neither the next one nor the machine", (seed) => {
    const random = new Random(seed, 2);
    const entries = history(subject, seed);
    const machine = group(subject);
    const middle = entries.length >> 1;
    for (const [place, entry] of entries.slice(0, middle).entries()) {
      if (place % 50 === 0) pull(machine.snapshot(), []);
      if (place % 70 === 0) machine.snapshot().return?.();
      machine.apply(entry);
    }
    const chunks: Uint8Array[] = [];
    const snapshot = machine.snapshot();
    while (pull(snapshot, chunks));
    replaysAlike(subject, entries, middle, recut(chunks, random));
  });

  test("restoring takes the place of all state", (seed) => {
    const entries = history(subject, seed);
    const used = group(subject);
    for (const entry of entries) used.apply(entry);
    const chunks: Uint8Array[] = [];
    const empty = group(subject).snapshot();
    while (pull(empty, chunks));
    used.restore(chunks);
    const fresh = group(subject);
    for (const entry of entries) applyBoth(fresh, used, entry);
  });

  test("a body of any shape is taken or refused, never fatal", (seed) => {
    const random = new Random(seed, 3);
    const machine = subject.make();
    for (let round = 0; round < 500; round++) {
      const body = random.chance(0.5) ? anything(random, 3) : bent(subject.body(random), random);
      machine.decode(body);
    }
  });

  Deno.test(`${name}: without chunks it is restored as empty`, () => {
    const machine = subject.make();
    machine.restore([]);
    machine.checkInvariants();
    assert.equal(machine.nextDeadlineMs(), null);
  });
}

function group(subject: Subject): GroupMachine {
  return new GroupMachine(0, [subject.make()]);
}

/** Entries with commands, retries of them, ticks and leaps of time. */
function history(subject: Subject, seed: number): readonly Entry[] {
  const random = new Random(seed);
  const { name } = subject.make();
  const entries: Entry[] = [];
  const sent: Uint8Array[] = [];
  let timeMs = 1_000;
  for (let index = 2; index < 2 + ENTRIES; index++) {
    timeMs += random.chance(0.02) ? random.integer(0, 90_000) : random.integer(0, 60);
    const kind = random.chance(0.02) ? "empty" : "command";
    const again = sent.length > 0 && random.chance(0.15);
    const payload = again
      ? random.pick(sent.slice(-20))
      : encodeEnvelope(name, requestKey(random, index), subject.body(random));
    sent.push(payload);
    // A new leader's stamp may lie behind.
    const stampMs = random.chance(0.05) ? timeMs - 500 : timeMs;
    entries.push({ index, term: 1, kind, timeMs: stampMs, payload });
  }
  return entries;
}

function requestKey(random: Random, index: number): RequestKey | null {
  if (random.chance(0.3)) return null;
  if (random.chance(0.5)) return { kind: "caller", principal: "somebody", id: String(index) };
  const session = `session-${random.integer(1, 3)}`;
  const lowestOpen = Math.max(1, index - 8);
  return { kind: "session", session, bootId: "boot", sequence: index, lowestOpen };
}

function applyBoth(one: GroupMachine, other: GroupMachine, entry: Entry): void {
  assert.deepEqual(one.apply(entry), other.apply(entry), `entry ${entry.index}`);
  assert.equal(one.nextDeadlineMs(), other.nextDeadlineMs(), `entry ${entry.index}`);
  assert.equal(one.requestBytes, other.requestBytes, `entry ${entry.index}`);
  one.checkInvariants();
  other.checkInvariants();
}

function replaysAlike(
  subject: Subject,
  entries: readonly Entry[],
  begin: number,
  pieces: readonly Uint8Array[],
): void {
  const replayed = group(subject);
  for (const entry of entries.slice(0, begin)) replayed.apply(entry);
  const restored = group(subject);
  restored.restore(pieces);
  restored.checkInvariants();
  assert.equal(restored.timeMs, replayed.timeMs);
  for (const entry of entries.slice(begin)) applyBoth(replayed, restored, entry);
}

function pull(snapshot: Iterator<Uint8Array>, into: Uint8Array[]): boolean {
  const step = snapshot.next();
  if (step.done !== true) into.push(step.value);
  return step.done !== true;
}

/** The same bytes in other pieces, as a transport may deliver them. */
export function recut(pieces: readonly Uint8Array[], random: Random): readonly Uint8Array[] {
  const bytes = new Uint8Array(pieces.flatMap((piece) => [...piece]));
  const cut: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + random.integer(0, random.chance(0.5) ? 5 : 3_000));
    cut.push(bytes.slice(at, end));
    at = end;
  }
  return cut;
}

/** A value of any form that msgpack knows. */
function anything(random: Random, depth: number): unknown {
  const several = () =>
    Array.from({ length: random.integer(0, 6) }, () => anything(random, depth - 1));
  switch (random.integer(0, depth > 0 ? 8 : 6)) {
    case 0:
      return null;
    case 1:
      return random.chance(0.5);
    case 2:
      return random.integer(-3, 10);
    case 3:
      return random.pick([NaN, Infinity, -1, 1e300, 2 ** 53, 0.5]);
    case 4:
      return "x".repeat(random.pick([0, 1, 64, 600]));
    case 5:
      return new Uint8Array(random.integer(0, 4));
    case 6:
      return "\u{1F512}".repeat(random.integer(0, 200));
    case 7:
      return several();
    default:
      return Object.fromEntries(several().map((value, place) => [`key${place}`, value]));
  }
}

/** A good body with something wrong about it. */
function bent(body: unknown, random: Random): unknown {
  if (!Array.isArray(body)) return [body];
  const fields = [...body];
  const place = random.integer(0, Math.max(0, fields.length - 1));
  if (random.chance(0.3)) fields.length = place;
  else fields[place] = anything(random, 2);
  return fields;
}

/** The cache's machine: alone, and beside a dumb model over random histories. */
import assert from "node:assert/strict";
import {
  type CacheCommand,
  decodeCacheCommand,
  encodeCacheCommand,
} from "../../src/cache/commands.ts";
import { type CacheAnswer, CacheMachine } from "../../src/cache/machine.ts";
import { compareVersions, type Version } from "../../src/cache/version.ts";
import { isRefused } from "../../src/groups/refusal.ts";
import { LIMITS } from "../../src/limits.ts";
import { Random } from "../../src/random.ts";
import { HeldValues } from "../groups/held_values.ts";
import { KEYS, randomCacheCommand } from "./cache_commands.ts";

const SEEDS = 60;
const COMMANDS = 400;

class Subject {
  values = new HeldValues();
  machine = new CacheMachine(this.values);
  timeMs = 1_000;
  term = 1;
  #index = 1;

  apply(command: CacheCommand): CacheAnswer {
    const taken = decodeCacheCommand(encodeCacheCommand(command));
    assert.ok(taken !== null, "the machine takes the command");
    const { timeMs, term } = this;
    const outcome = this.machine.apply(taken, { group: 1, index: ++this.#index, term, timeMs });
    this.machine.checkInvariants();
    return outcome.answer;
  }

  /** A key's value, wherever it lies; null: none. */
  read(key: string): { readonly version: Version; readonly value: Uint8Array } | null {
    const found = this.machine.read(key, this.timeMs);
    if (found === null) return null;
    const { version, inline, reference } = found;
    return { version, value: inline ?? this.values.read(reference!) };
  }

  restart(): void {
    const chunks: Uint8Array[] = [];
    const snapshot = this.machine.snapshot();
    for (let step = snapshot.next(); step.done !== true; step = snapshot.next()) {
      chunks.push(step.value);
    }
    const former = this.values;
    this.values = new HeldValues();
    this.values.source = former;
    this.machine = new CacheMachine(this.values);
    this.machine.restore(chunks);
    this.machine.checkInvariants();
  }
}

function write(key: string, version: Version, text: string, expiresMs: number | null = null) {
  const value = new TextEncoder().encode(text);
  return { kind: "writeBack", term: 1, items: [{ key, version, value, expiresMs }] } as const;
}

const V = (term: number, counter: number, count: number): Version => ({
  term,
  counter,
  write: count,
});

Deno.test("cache machine: a write-back of an older grant changes nothing", () => {
  const subject = new Subject();
  assert.deepEqual(subject.apply(write("a", V(1, 5, 2), "new")), { kind: "written", older: [] });
  assert.deepEqual(subject.apply(write("a", V(1, 5, 1), "old")), { kind: "written", older: [0] });
  assert.deepEqual(subject.apply(write("a", V(1, 4, 9), "old")), { kind: "written", older: [0] });
  assert.deepEqual(subject.read("a")?.version, V(1, 5, 2));
});

Deno.test("cache machine: an entry of another term's home changes nothing", () => {
  const subject = new Subject();
  subject.term = 2;
  assert.ok(isRefused(subject.apply(write("a", V(1, 5, 2), "new"))));
  assert.ok(isRefused(subject.apply({ kind: "enterHolder", term: 1, peer: "one" })));
  assert.equal(subject.read("a"), null);
  assert.equal(subject.machine.leaseHolders.size, 0);
});

Deno.test("cache machine: a write from before a removal does not come back", () => {
  const subject = new Subject();
  subject.apply(write("a", V(1, 5, 2), "value"));
  const remove = { kind: "remove", term: 1, key: "a", grant: { term: 1, counter: 7 } } as const;
  assert.deepEqual(subject.apply(remove), { kind: "removed", existed: true });
  assert.deepEqual(subject.apply(write("a", V(1, 6, 1), "late")), { kind: "written", older: [0] });
  assert.equal(subject.read("a"), null);
  subject.timeMs += LIMITS.cacheRemovalKeepMs;
  subject.apply({ kind: "leaveHolders", term: 1, peers: [] });
  assert.equal(subject.machine.settled("a"), null);
  assert.deepEqual(subject.machine.floor, V(1, 7, 0));
});

Deno.test("cache machine: a value that is over is not read, and is cleared away by a later entry", () => {
  const subject = new Subject();
  subject.apply(write("a", V(1, 1, 1), "x".repeat(2_000), 1_500));
  assert.equal(subject.values.held, 1);
  subject.timeMs = 1_500;
  assert.equal(subject.read("a"), null);
  assert.equal(subject.machine.nextDeadlineMs(), null);
  subject.apply({ kind: "leaveHolders", term: 1, peers: [] });
  assert.equal(subject.values.held, 0);
  assert.deepEqual(subject.machine.usage, { keys: 0, bytes: 1 });
});

Deno.test("cache machine: values move between files unseen", () => {
  const subject = new Subject();
  subject.apply(write("a", V(1, 1, 1), "x".repeat(2_000)));
  const [file] = subject.values.files;
  const [from] = subject.machine.valuesIn(file!, 10);
  const to = subject.values.append(subject.values.read(from!));
  assert.ok(subject.machine.moved(from!, to));
  assert.ok(!subject.machine.moved(from!, to));
  assert.equal(subject.read("a")?.value.length, 2_000);
  subject.machine.checkInvariants();
});

Deno.test("cache machine: it does what a dumb model does, over restarts", () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      compareWithModel(seed);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
});

interface ModelValue {
  readonly version: Version;
  readonly value: Uint8Array;
  readonly expiresMs: number | null;
}

function compareWithModel(seed: number): void {
  const random = new Random(seed);
  const subject = new Subject();
  const model = new Map<string, ModelValue | { readonly removed: Version }>();
  const holders = new Set<string>();
  const versionOf = (key: string) => {
    const found = model.get(key);
    return found === undefined ? null : "removed" in found ? found.removed : found.version;
  };
  for (let count = 0; count < COMMANDS; count++) {
    subject.timeMs += random.integer(0, 30);
    if (random.chance(0.02)) subject.term++;
    if (random.chance(0.02)) subject.restart();
    const command = randomCacheCommand(random, subject);
    const answer = subject.apply(command);
    if (command.term !== subject.term) {
      assert.ok(isRefused(answer));
    } else if (command.kind === "writeBack") {
      for (const { key, ...item } of command.items) {
        const former = versionOf(key);
        const isNew = former === null || compareVersions(item.version, former) > 0;
        if (isNew) model.set(key, item);
      }
    } else if (command.kind === "put") {
      const former = versionOf(command.key);
      const version = { ...command.grant, write: 1 };
      const isOld = former !== null && compareVersions(version, former) <= 0;
      assert.equal(isRefused(answer), isOld);
      const { value, ttlMs } = command;
      const expiresMs = ttlMs === null ? null : subject.timeMs + ttlMs;
      if (!isOld) model.set(command.key, { version, value, expiresMs });
    } else if (command.kind === "remove") {
      const former = versionOf(command.key);
      const removed = { ...command.grant, write: 0 };
      const isOld = former !== null && compareVersions(removed, former) <= 0;
      assert.equal(isRefused(answer), isOld);
      if (!isOld) model.set(command.key, { removed });
    } else if (command.kind === "enterHolder") holders.add(command.peer);
    else for (const peer of command.peers) holders.delete(peer);

    assert.deepEqual([...subject.machine.leaseHolders].sort(), [...holders].sort());
    for (const key of KEYS) {
      const expected = model.get(key);
      const isThere = expected !== undefined && "value" in expected &&
        (expected.expiresMs === null || expected.expiresMs > subject.timeMs);
      const found = subject.read(key);
      assert.equal(found !== null, isThere, key);
      if (!isThere) continue;
      assert.deepEqual(found, { version: expected.version, value: expected.value });
    }
    const held = KEYS.filter((key) => (subject.machine.read(key, 0)?.reference ?? null) !== null);
    assert.equal(subject.values.held, held.length, "values that nothing refers to are given back");
  }
}

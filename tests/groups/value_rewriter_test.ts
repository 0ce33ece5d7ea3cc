import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import type { Group } from "../../src/groups/group.ts";
import { ValueRewriter } from "../../src/groups/value_rewriter.ts";
import {
  type Storage,
  StorageCorruptError,
  type ValueReference,
} from "../../src/storage/storage.ts";
import { ManualClock } from "../manual_clock.ts";

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A group whose file 1 is sparse and holds values of this size, and a machine that holds them. */
function manualRewriter(count: number, sizeBytes = 10) {
  const clock = new ManualClock();
  const held = Array.from({ length: count }, (_, at): ValueReference => {
    return { file: 1, offsetBytes: at * (sizeBytes + 4), sizeBytes };
  });
  const done: string[] = [];
  const state = { taking: false, room: Promise.resolve(), reads: Promise.resolve(), generation: 1 };
  const damaged: Error[] = [];
  let given = false;
  const group = {
    id: 3,
    ended: false,
    restoring: false,
    values: {
      get sparseFile() {
        return held.length > 0 && !given ? 1 : null;
      },
      get generation() {
        return state.generation;
      },
      read: async (references: readonly ValueReference[]) => {
        done.push(`read ${references.length}`);
        await state.reads;
        return references.map((one) => new Uint8Array(one.sizeBytes));
      },
      append: (bytes: Uint8Array) => ({ file: 9, offsetBytes: 0, sizeBytes: bytes.length }),
      discard: ({ file }: ValueReference) => void done.push(`discard in ${file}`),
      giveUp: () => void (given = true),
    },
    machine: {
      valuesIn: (file: number, max: number) => (assert.equal(file, 1), held.slice(0, max)),
      moved: (from: ValueReference) => {
        const place = held.indexOf(from);
        if (place >= 0) held.splice(place, 1);
        return place >= 0;
      },
    },
  };
  const rewriter = new ValueRewriter({
    storage: { valueRoom: () => state.room } as unknown as Storage,
    clock,
    takesSnapshot: () => state.taking,
    done: () => void done.push("done"),
    damaged: (_group, error) => void damaged.push(error),
    failed: (error) => assert.fail(String(error)),
  });
  const run = async (ms: number) => {
    for (let passedMs = 0; passedMs < ms; passedMs += 20) {
      clock.advance(20);
      await settled();
    }
  };
  const consider = () => rewriter.consider(group as unknown as Group);
  return { clock, group, held, done, state, damaged, rewriter, run, consider };
}

Deno.test("a sparse file is moved in slices of bounded bytes, with pauses between", async () => {
  const { held, done, run, consider, clock } = manualRewriter(12, 200_000);
  consider();
  consider();
  await run(20);
  assert.equal(done[0], "read 2", "512 KiB at once");
  assert.equal(held.length, 10);
  await run(80);
  assert.equal(held.length, 2);
  await run(40);
  assert.equal(held.length, 0);
  assert.equal(clock.timers, 0, "there is nothing more to do");
  assert.equal(done.filter((what) => what === "discard in 1").length, 12);
});

Deno.test("nothing moves while a snapshot is taken, or begins while it is read", async () => {
  const { held, state, done, run, consider } = manualRewriter(3);
  state.taking = true;
  consider();
  await run(100);
  assert.deepEqual(done, []);
  const reading = Promise.withResolvers<void>();
  Object.assign(state, { taking: false, reads: reading.promise });
  await run(20);
  state.taking = true;
  reading.resolve();
  await run(20);
  assert.equal(held.length, 3);
  state.taking = false;
  await run(20);
  assert.equal(held.length, 0);
});

Deno.test("what was restored, or discarded, meanwhile is not moved", async () => {
  const { held, group, state, done, run, consider } = manualRewriter(2);
  const reading = Promise.withResolvers<void>();
  state.reads = reading.promise;
  consider();
  await run(20);
  state.generation = 2;
  reading.resolve();
  await settled();
  await run(20);
  assert.deepEqual(done.slice(0, 2), ["read 2", "read 2"], "it begins anew");
  const again = manualRewriter(2);
  const gone = again.held[0]!;
  again.group.values.read = (references) => {
    again.held.splice(again.held.indexOf(gone), 1);
    return Promise.resolve(references.map(() => new Uint8Array(1)));
  };
  again.consider();
  await again.run(20);
  assert.deepEqual(again.done, ["discard in 9", "discard in 1", "done"], "its copy is dead");
  assert.ok(held.length === 0 && !group.ended);
});

Deno.test("it waits for room, and ends with its host", async () => {
  const { clock, state, done, rewriter, run, consider } = manualRewriter(2);
  const room = Promise.withResolvers<void>();
  state.room = room.promise;
  consider();
  await run(100);
  assert.deepEqual(done, []);
  rewriter.stop();
  room.resolve();
  await run(100);
  assert.deepEqual(done, []);
  assert.equal(clock.timers, 0);
});

Deno.test("a file that cannot be read is told of once, and stays", async () => {
  const { group, damaged, held, run, consider } = manualRewriter(2);
  group.values.read = () => Promise.reject(new StorageCorruptError("bad", "file", 4));
  consider();
  await run(200);
  assert.equal(damaged.length, 1);
  assert.equal(held.length, 2);
});

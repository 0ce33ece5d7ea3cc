/** What a home does when a key was changed behind it, or cannot be written for now. */
import assert from "node:assert/strict";
import { HomeChanges } from "../../src/cache/home_changes.ts";
import { HomeDirectory } from "../../src/cache/home_directory.ts";
import { HomeLetters } from "../../src/cache/home_letters.ts";
import type { HomeMessage } from "../../src/cache/messages.ts";
import { SkeinError } from "../../src/errors.ts";
import { ManualClock } from "../manual_clock.ts";
import { written } from "./home_bench.ts";

const AWAY = new SkeinError("UNAVAILABLE", "it is away");

/** A directory whose effects are kept, and all peers of which have a lease. */
function begun() {
  const clock = new ManualClock();
  const effects: string[] = [];
  const sent: { readonly peer: string; readonly message: HomeMessage }[] = [];
  let minted = 0;
  let numbers = 100;
  const directory = new HomeDirectory({
    view: () => ({
      settled: null,
      floor: null,
      mayGrant: true,
      isFull: false,
      isAlone: true,
      isLeased: () => true,
      mint: () => ({ term: 1, counter: ++minted }),
    }),
    effect: (_key, effect) => {
      const peer = "peer" in effect ? ` ${effect.peer}` : "";
      effects.push(`${effect.kind}${peer}`);
    },
    isRebuilt: () => true,
    nowMs: () => clock.monotonicMs(),
  });
  const post = {
    toPeer: (peer: string, message: HomeMessage) => void sent.push({ peer, message }),
    together: (work: () => void) => work(),
  };
  const letters = new HomeLetters(clock, post, 1, 1);
  /** Numbers of jobs that callers wait for, and what they were told. */
  const callers = new Map<number, SkeinError | null>();
  const changes = new HomeChanges({
    directory,
    letters,
    nextNumber: () => ++numbers,
    fail: (request, error) => {
      const waits = callers.get(request) === null;
      if (waits) callers.set(request, error);
      return waits;
    },
  });
  const call = (kind: "remove" | "invalidate", request: number) => {
    callers.set(request, null);
    directory.step("k", { kind: "ask", job: { kind, request } });
  };
  const ask = (peer: string, kind: "shared" | "owned", request: number) => {
    const job = { kind, peer, session: 1, request, holds: null };
    directory.step("k", { kind: "ask", job });
  };
  const acknowledge = (peer: string, counter: number, { kept = false, isDirty = false } = {}) => {
    const grant = { term: 1, counter };
    const dirty = isDirty ? written(grant, 1) : null;
    directory.step("k", { kind: "acknowledged", peer, grant, kept, held: true, dirty });
  };
  return { directory, changes, effects, sent, ask, acknowledge, callers, call };
}

Deno.test("a key that was changed is recalled from everybody, and from nobody else's keys", () => {
  const { changes, effects, ask, acknowledge, directory } = begun();
  changes.changed("k");
  assert.deepEqual(effects, [], "nobody holds it");
  ask("A", "shared", 1);
  acknowledge("A", 1);
  ask("A", "shared", 2);
  effects.length = 0;
  changes.changedAll();
  changes.changed("k");
  assert.deepEqual(effects, ["recall A"], "once, however often it is changed meanwhile");
  acknowledge("A", 2);
  assert.deepEqual([effects, directory.size], [["recall A", "done"], 0]);
});

Deno.test("all lines go before anybody who waits is granted another", () => {
  const { changes, effects, ask, acknowledge } = begun();
  ask("A", "owned", 1);
  ask("B", "shared", 2);
  ask("C", "owned", 3);
  effects.length = 0;
  changes.changed("k");
  assert.deepEqual(effects, [], "A is asked to share already");
  acknowledge("A", 1);
  assert.deepEqual(effects, ["done", "grant B", "recall B"]);
});

Deno.test("who may keep a copy for who waits may not once the key was changed", () => {
  const { changes, effects, ask, acknowledge } = begun();
  ask("A", "owned", 1);
  ask("B", "shared", 2);
  changes.changed("k");
  effects.length = 0;
  acknowledge("A", 1, { kept: true });
  assert.deepEqual(effects, ["recall A"]);
  acknowledge("A", 1);
  assert.deepEqual(effects.slice(1), ["done", "grant B"]);
});

Deno.test("what cannot be written is told to its writers, and to who waits for the line", () => {
  const { changes, sent, ask, acknowledge } = begun();
  changes.delayed("k", AWAY);
  ask("A", "owned", 1);
  ask("B", "shared", 2);
  ask("C", "owned", 3);
  acknowledge("A", 1, { isDirty: true });
  changes.delayed("k", AWAY);
  const told = sent.map(({ peer, message }) => {
    assert.ok(message.kind === "delayed" || message.kind === "denied");
    assert.equal(message.error, AWAY);
    return `${message.kind} ${peer}`;
  });
  assert.deepEqual(told, ["delayed A", "denied B", "denied C"]);
});

Deno.test("what cannot be written is told to callers who wait behind it, and is not done later", () => {
  const { directory, changes, effects, ask, acknowledge, callers, call } = begun();
  ask("A", "owned", 1);
  call("invalidate", 1);
  call("remove", 2);
  call("invalidate", 3);
  acknowledge("A", 1, { isDirty: true });
  changes.delayed("k", new SkeinError("OUTCOME_UNKNOWN", "no reply in time"));
  const told = [...callers.values()].map((error) => `${error?.code}: ${error?.message}`);
  assert.deepEqual(told, Array(3).fill("UNAVAILABLE: no reply in time"));
  assert.deepEqual(directory.entry("k")?.queue, [], "nothing gathers");
  effects.length = 0;
  directory.step("k", { kind: "committed", version: { term: 1, counter: 1, write: 1 } });
  assert.deepEqual(effects, ["confirm A", "done"], "the first one was under way");
  assert.equal(directory.size, 0);
});

Deno.test("a removal under way is its backing's to answer", () => {
  const { changes, ask, acknowledge, callers, call } = begun();
  ask("A", "owned", 1);
  call("remove", 1);
  acknowledge("A", 1, { isDirty: true });
  changes.delayed("k", AWAY);
  assert.equal(callers.get(1), null);
});

Deno.test("a write-back that is sent again and again until it is committed is confirmed once", () => {
  const { directory, effects, ask } = begun();
  ask("A", "owned", 1);
  effects.length = 0;
  const grant = { term: 1, counter: 1 };
  const content = written(grant, 1);
  const event = {
    kind: "writeBack",
    peer: "A",
    session: 1,
    grant,
    content,
    keeps: "owned",
  } as const;
  for (let sent = 0; sent < 50; sent++) directory.step("k", event);
  directory.step("k", { kind: "committed", version: content.version });
  assert.deepEqual(effects, ["commit", "confirm A"]);
});

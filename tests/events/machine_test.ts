import assert from "node:assert/strict";
import type { PublishedAnswer } from "../../src/events/answers.ts";
import { decodeEventCommand, encodeEventCommand } from "../../src/events/commands.ts";
import { EventsMachine } from "../../src/events/machine.ts";
import { LIMITS } from "../../src/limits.ts";
import { HeldValues } from "../groups/held_values.ts";
import { publish } from "./event_commands.ts";

function context(index: number) {
  return { group: 1, index, term: 1, timeMs: index };
}

Deno.test("topics of a partition are bounded, and those that are there go on", () => {
  const machine = new EventsMachine(new HeldValues());
  const max = LIMITS.eventPartitionTopicsMax;
  for (let topic = 0; topic < max; topic++) {
    machine.apply(publish(`t${topic}`, ["a"]), context(topic));
  }
  const { answer } = machine.apply(publish("one more", ["a"]), context(max));
  assert.ok("refused" in answer && answer.refused.code === "TOO_MANY_REQUESTS");
  const known = machine.apply(publish("t0", ["b"]), context(max + 1)).answer as PublishedAnswer;
  assert.equal(known.first, 1);
  assert.equal(machine.stats().topics, max);
});

Deno.test("a full batch is one value, and its duplicates know their offsets", () => {
  const values = new HeldValues();
  const machine = new EventsMachine(values);
  const ids = Array.from({ length: LIMITS.eventBatchMax }, (_, place) => `event-${place}`);
  const command = decodeEventCommand(encodeEventCommand(publish("t", ids)));
  assert.ok(command !== null);
  const first = machine.apply(command, context(1)).answer as PublishedAnswer;
  assert.deepEqual([first.first, first.duplicates], [0, []]);
  assert.equal(values.held, 1);
  const { duplicates, offsets } = machine.apply(command, context(2)).answer as PublishedAnswer;
  assert.deepEqual(offsets, ids.map((_, place) => place));
  assert.equal(duplicates.length, ids.length);
  assert.equal(values.held, 1, "duplicates are not stored");
  const tooMany = encodeEventCommand(publish("t", [...ids, "one more"]));
  assert.equal(decodeEventCommand(tooMany), null);
});

Deno.test("a snapshot that is taken while events come is of its moment", () => {
  const values = new HeldValues();
  const machine = new EventsMachine(values);
  for (let batch = 0; batch < 50; batch++) {
    const ids = Array.from({ length: 100 }, (_, place) => `${batch}-${place}`);
    machine.apply(publish("t", ids), context(batch));
  }
  const snapshot = machine.snapshot();
  const chunks: Uint8Array[] = [];
  for (let batch = 50;; batch++) {
    const step = snapshot.next();
    if (step.done === true) break;
    chunks.push(step.value);
    machine.apply(publish("t", [`${batch}-0`, "0-0"]), context(batch));
  }
  const restored = new EventsMachine(new HeldValues());
  restored.restore(chunks);
  restored.checkInvariants();
  const { received, unique, identities } = restored.stats();
  assert.deepEqual([received, unique, identities], [5_000, 5_000, 5_000]);
  const { answer } = restored.apply(publish("t", ["0-0", "50-0"]), context(100));
  assert.deepEqual(answer, { kind: "published", first: 5_000, duplicates: [0], offsets: [0] });
});

Deno.test("topics keep their order through snapshots, however they change meanwhile", () => {
  const machine = new EventsMachine(new HeldValues());
  const topics = ["b", "c", "a"];
  for (const [place, topic] of topics.entries()) {
    machine.apply(publish(topic, ["1"]), context(place));
  }
  const snapshot = machine.snapshot();
  machine.apply(publish("a", ["2"]), context(3));
  const chunks: Uint8Array[] = [];
  for (let step = snapshot.next(); step.done !== true; step = snapshot.next()) {
    chunks.push(step.value);
  }
  const restored = new EventsMachine(new HeldValues());
  restored.restore(chunks);
  for (const replica of [machine, restored]) {
    assert.deepEqual([...replica.topics(0)].map(({ topic }) => topic), topics);
    assert.deepEqual([...replica.topics(2)].map(({ topic }) => topic), ["a"]);
  }
});

/** The events' machine against a dumb model of the design's rules, over random histories. */
import assert from "node:assert/strict";
import type { EventAnswer } from "../../src/events/answers.ts";
import { decodeEventCommand, encodeEventCommand } from "../../src/events/commands.ts";
import type { StoredEvent } from "../../src/events/events.ts";
import { EventsMachine } from "../../src/events/machine.ts";
import { readEvent, sizeAt } from "../../src/events/stored_event.ts";
import { Random } from "../../src/random.ts";
import { HeldValues } from "../groups/held_values.ts";
import { commandOf, type RandomCommand, randomCommand } from "./event_commands.ts";
import { bytesOf, EventsModel, eventsOf, idCount, type ModelAnswer } from "./events_model.ts";

const SEEDS = 60;
const COMMANDS = 300;
const GROUP = 3;
const IDENTITIES_MAX = 300;

/** A machine beside its model. A snapshot may take the machine's place at any time. */
class Pair {
  readonly model = new EventsModel();
  values = new HeldValues();
  machine = new EventsMachine(this.values);
  timeMs = 1_000;
  #index = 1;

  step(command: RandomCommand): void {
    const context = { group: GROUP, index: ++this.#index, term: 1, timeMs: this.timeMs };
    const taken = decodeEventCommand(encodeEventCommand(commandOf(command)));
    assert.ok(taken !== null, "the machine takes the command");
    if (command.kind === "trim") {
      const due = this.model.isTrimDue(command.retention, this.timeMs);
      assert.equal(this.machine.isTrimDue(command.retention, this.timeMs), due);
    }
    const { answer, effects } = this.machine.apply(taken, context);
    const expected = command.kind === "trim"
      ? this.model.trim(command.retention, this.timeMs, command.max)
      : this.model.publish(command, this.timeMs);
    compare(answer, expected, command);
    if ("kind" in answer && answer.kind === "trimmed" && command.kind === "trim") {
      assert.equal(answer.more, this.model.isTrimDue(command.retention, this.timeMs));
    }
    const stored = expected.kind === "published" && expected.results.some(([, again]) => !again);
    const nextOffset = command.kind === "trim" ? 0 : this.model.find(command.topic)?.nextOffset;
    const told = stored && command.kind === "publish"
      ? [{ kind: "eventsStored", topic: command.topic, nextOffset }]
      : [];
    assert.deepEqual(effects, told);
  }

  checkState(): void {
    this.machine.checkInvariants();
    let held = 0;
    for (const topic of this.model.topics) {
      const events = eventsOf(topic);
      const { nextOffset, received } = topic;
      const firstOffset = events[0]?.offset ?? nextOffset;
      assert.deepEqual(this.machine.topic(topic.topic), {
        topic: topic.topic,
        firstOffset,
        nextOffset,
        bytes: bytesOf(topic),
        received,
        unique: nextOffset,
        duplicates: received - nextOffset,
      });
      assert.deepEqual(this.#read(topic.topic, null, 1_000), events);
      held += topic.batches.length;
    }
    assert.deepEqual(
      [...this.machine.topics(0)].map(({ topic }) => topic),
      this.model.topics.map(({ topic }) => topic),
    );
    assert.equal(this.values.held, held, "a value is held as long as its batch is left");
    const sum = (of: (topic: typeof this.model.topics[0]) => number) =>
      this.model.topics.reduce((sum, topic) => sum + of(topic), 0);
    const [received, unique] = [sum((one) => one.received), sum((one) => one.nextOffset)];
    assert.deepEqual(this.machine.stats(), {
      topics: this.model.topics.length,
      received,
      unique,
      duplicates: received - unique,
      events: sum((topic) => eventsOf(topic).length),
      bytes: sum(bytesOf),
      identities: sum(idCount),
    });
  }

  /** Any page is the part of the topic that it says. */
  checkPage(random: Random): void {
    for (const topic of this.model.topics) {
      const after = random.chance(0.2) ? null : random.integer(0, topic.nextOffset + 3);
      const limit = random.integer(1, 40);
      const expected = eventsOf(topic).filter(({ offset }) => after === null || offset > after);
      assert.deepEqual(this.#read(topic.topic, after, limit), expected.slice(0, limit));
    }
  }

  #read(topic: string, after: number | null, limit: number): readonly StoredEvent[] {
    const plan = this.machine.page(topic, { after, limit, bytesMax: Infinity });
    const events: StoredEvent[] = [];
    let { offset } = plan;
    for (const { reference, skip, count } of plan.parts) {
      const bytes = this.values.read(reference);
      let at = 0;
      for (let place = 0; place < skip + count; place++) {
        const event = readEvent(bytes, at, offset);
        if (place >= skip) {
          events.push({ ...event, payload: event.payload.slice() });
          offset++;
        }
        at += sizeAt(bytes, at);
      }
    }
    return events;
  }

  /** Another replica takes the place of this one. */
  throughSnapshot(): void {
    const chunks: Uint8Array[] = [];
    const snapshot = this.machine.snapshot();
    for (let step = snapshot.next(); step.done !== true; step = snapshot.next()) {
      chunks.push(step.value);
    }
    const values = new HeldValues();
    values.source = this.values;
    this.values = values;
    this.machine = new EventsMachine(values);
    this.machine.restore(chunks);
  }

  /** What lies in one file is moved elsewhere, as when a sparse file is given up. */
  moveValues(): void {
    const file = this.values.files.find((file) => file !== this.values.currentFile);
    if (file === undefined) return;
    for (;;) {
      const found = this.machine.valuesIn(file, 2);
      if (found.length === 0) return;
      for (const from of found) {
        const to = this.values.append(this.values.read(from));
        assert.equal(this.machine.moved(from, to), true);
        this.values.discard(from);
        assert.equal(this.machine.moved(from, to), false, "it is not held there any more");
      }
    }
  }
}

function compare(answer: EventAnswer, expected: ModelAnswer, command: RandomCommand): void {
  if ("refused" in answer) {
    assert.deepEqual({ kind: "refused", code: answer.refused.code }, expected);
  } else if (answer.kind === "trimmed") {
    const { kind, events, identities } = answer;
    assert.deepEqual({ kind, events, identities }, expected);
  } else {
    assert.ok(command.kind === "publish");
    let next = answer.first;
    const results = command.contents.map((_, place) => {
      const at = answer.duplicates.indexOf(place);
      return at < 0 ? [next++, false] : [answer.offsets[at]!, true];
    });
    assert.deepEqual({ kind: "published", results }, expected);
  }
}

Deno.test("over random histories the machine does what its model does", () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = new Random(seed);
    const pair = new Pair();
    // Some histories meet the bound, others never.
    const identitiesMax = random.chance(0.5) ? IDENTITIES_MAX : 1_000_000;
    try {
      for (let step = 0; step < COMMANDS; step++) {
        pair.timeMs += random.chance(0.05) ? random.integer(0, 9_000) : random.integer(0, 40);
        pair.step(randomCommand(random, identitiesMax));
        if (random.chance(0.05)) pair.checkPage(random);
        if (random.chance(0.02)) pair.throughSnapshot();
        if (random.chance(0.03)) pair.moveValues();
        if (random.chance(0.1)) pair.checkState();
      }
      pair.checkState();
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
});

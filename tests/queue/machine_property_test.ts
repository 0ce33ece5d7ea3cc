/** The queue's machine against a dumb model of the design's rules, over random histories. */
import assert from "node:assert/strict";
import type { QueueAnswer, QueueEffect } from "../../src/queue/answers.ts";
import type { QueueCommand } from "../../src/queue/commands.ts";
import { decodeQueueCommand, encodeQueueCommand } from "../../src/queue/commands.ts";
import { QueueMachine } from "../../src/queue/machine.ts";
import type { Receipt } from "../../src/queue/message_names.ts";
import { Random } from "../../src/random.ts";
import { HeldValues } from "../groups/held_values.ts";
import { randomQueueCommand } from "./queue_commands.ts";
import { deliveryOrder, isIn, type ModelLane } from "./model_lane.ts";
import { type Expected, QueueModel } from "./queue_model.ts";

const SEEDS = 60;
const COMMANDS = 500;
const GROUP = 3;
const BOUNDS = { messagesMax: 40, bytesMax: 700, dedupMax: 6 };

/** A machine beside its model. A snapshot may take the machine's place at any time. */
class Pair {
  readonly model = new QueueModel(GROUP);
  values = new HeldValues();
  machine = new QueueMachine(this.values);
  receipts: Receipt[] = [];
  timeMs = 1_000;
  #index = 1;

  step(command: QueueCommand): void {
    const context = { group: GROUP, index: ++this.#index, term: 1, timeMs: this.timeMs };
    const effects = this.machine.expire(context);
    const { returned, dead } = this.model.expire(this.timeMs);
    assert.deepEqual(byLane(shown(effects, "redelivery")), byLane(returned));
    assert.deepEqual(byLane(shown(effects, "deadLetter")), byLane(dead));
    const deadlineMs = this.machine.nextDeadlineMs();
    assert.ok(deadlineMs === null || deadlineMs > this.timeMs, "all that was due is expired");
    const taken = decodeQueueCommand(encodeQueueCommand(command));
    assert.ok(taken !== null, "the machine takes the command");
    const readyBefore = this.#canDeliver();
    const outcome = this.machine.apply(taken, context);
    const answer = outcome.answer as QueueAnswer;
    if ("messages" in answer) {
      for (const [number, , delivery] of answer.messages) this.receipts.push({ number, delivery });
      this.receipts = this.receipts.slice(-25);
    }
    compare(answer, this.model.apply(command, this.timeMs, answer));
    this.#checkReady(readyBefore, outcome.effects);
  }

  /** How many messages could be delivered, lane by lane. */
  #canDeliver(): Map<string, number> {
    return new Map(this.model.lanes.map(({ topic, lane, messages, settings }) => {
      const ready = settings.options.paused ? 0 : messages.filter(isIn("ready")).length;
      return [`${topic}/${lane}`, ready];
    }));
  }

  /** Whoever waits is told of everything that can be delivered now and could not be before. */
  #checkReady(before: ReadonlyMap<string, number>, effects: readonly QueueEffect[]): void {
    const told = effects.filter(({ kind }) => kind === "ready");
    const lanes = told.map(({ topic, lane }) => `${topic}/${lane}`);
    assert.equal(new Set(lanes).size, lanes.length, "a lane is told of once");
    for (const [name, ready] of this.#canDeliver()) {
      if (ready > (before.get(name) ?? 0)) assert.ok(lanes.includes(name), `told of ${name}`);
    }
  }

  checkState(): void {
    this.machine.checkInvariants();
    assert.equal(this.machine.nextDeadlineMs(), this.model.nextDeadlineMs());
    assert.equal([...this.machine.lanes()].length, this.model.lanes.length);
    for (const lane of this.model.lanes) this.#checkLane(lane);
    const batches = new Set<string>();
    for (const { messages } of this.model.lanes) {
      for (const { number, body } of messages) {
        const place = this.machine.bodies([number])[0];
        assert.ok(place, `message ${number} is there`);
        const { reference, offsetBytes, sizeBytes } = place;
        batches.add(`${reference.file}:${reference.offsetBytes}`);
        const bytes = this.values.read(reference).slice(offsetBytes, offsetBytes + sizeBytes);
        assert.deepEqual(bytes, body);
      }
    }
    assert.equal(this.values.held, batches.size, "a value is held as long as a message needs it");
  }

  #checkLane(lane: ModelLane): void {
    const { topic, lane: number, messages, totals, settings } = lane;
    const view = this.machine.lane({ topic, lane: number });
    const ready = deliveryOrder(messages.filter(isIn("ready")));
    const firsts = ready.filter(({ priority }, at) => ready[at - 1]?.priority !== priority);
    assert.deepEqual(view, {
      topic,
      lane: number,
      settings,
      ready: ready.length,
      inFlight: messages.filter(isIn("inFlight")).length,
      delayed: messages.filter(isIn("delayed")).length,
      dead: messages.filter(isIn("dead")).length,
      bytes: messages.reduce((sum, { body }) => sum + body.length, 0),
      oldestPublishedMs: firsts.length === 0
        ? null
        : Math.min(...firsts.map(({ publishedMs }) => publishedMs)),
      totals,
      // recent_counts_test.ts says what they are.
      recent: view!.recent,
    });
    const page = { group: GROUP, max: 100, after: null };
    const letters = this.machine.dead({ topic, lane: number }, page)!;
    const dead = messages.filter(isIn("dead")).sort((a, b) => a.since - b.since);
    assert.deepEqual(
      letters.map(({ number, id, attempts, reason, priority, publishedMs, deadMs }) => {
        return [number, id, attempts, reason, priority, publishedMs, deadMs];
      }),
      dead.map(({ number, id, attempts, reason, priority, publishedMs, eventMs }) => {
        return [number, id, attempts, reason, priority, publishedMs, eventMs];
      }),
    );
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
    this.machine = new QueueMachine(values);
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

/** `topic/lane: id` of the effects of one kind. */
function shown(effects: readonly QueueEffect[], kind: "redelivery" | "deadLetter"): string[] {
  return effects.flatMap((effect) => {
    if (effect.kind !== kind) return [];
    assert.equal(effect.count, effect.messages.length);
    return effect.messages.map(({ id }) => `${effect.topic}/${effect.lane}: ${id}`);
  });
}

/** Effects are one a lane: between lanes there is no order. */
function byLane(shown: readonly string[]): Record<string, string[]> {
  const lanes: Record<string, string[]> = {};
  for (const text of shown) (lanes[text.split(":")[0]!] ??= []).push(text);
  return lanes;
}

function compare(answer: QueueAnswer, expected: Expected): void {
  if ("refused" in expected || "refused" in answer) {
    const code = "refused" in answer ? answer.refused.code : "none";
    assert.equal(code, "refused" in expected ? expected.refused : "none");
  } else if ("delivered" in expected) {
    assert.equal(answer.kind, "delivered");
    const rows = expected.delivered.map((message) => {
      const { number, id, delivery, attempts, priority, publishedMs, eventMs } = message;
      return [number, id, delivery, attempts, priority, publishedMs, eventMs];
    });
    assert.deepEqual(answer.kind === "delivered" && answer.messages, rows);
  } else {
    const { kind: _, first: __, ...rest } = answer as { kind: string; first?: number };
    assert.deepEqual(rest, expected);
  }
}

Deno.test("random commands leave exactly the state that the rules say", () => {
  const reached = new Set<string>();
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = new Random(seed);
    const pair = new Pair();
    for (let round = 0; round < COMMANDS; round++) {
      pair.timeMs += random.chance(0.05) ? random.integer(0, 6_000) : random.integer(0, 80);
      const known = { group: GROUP, receipts: pair.receipts, bounds: BOUNDS };
      const command = randomQueueCommand(random, known);
      try {
        pair.step(command);
        if (random.chance(0.3)) pair.checkState();
        if (random.chance(0.02)) pair.throughSnapshot();
        if (random.chance(0.05)) pair.moveValues();
      } catch (error) {
        const what = `seed ${seed}, round ${round}: ${JSON.stringify(command)}`;
        throw new Error(what, { cause: error });
      }
    }
    pair.checkState();
    for (const { totals } of pair.model.lanes) {
      for (const [name, count] of Object.entries(totals)) if (count > 0) reached.add(name);
    }
  }
  assert.equal(reached.size, 10, `the histories reach everything that is counted: ${[...reached]}`);
});

/**
 * `deno bench bench/queue_machine_bench.ts`: the queue's machine without Raft, storage or network, through the
 * envelope, as each replica applies it. Figures of a million messages (memory, snapshot, expiry) are printed by
 * `deno run --v8-flags=--expose-gc bench/queue_machine_bench.ts --million [ids]`.
 */
import { encodeEnvelope } from "../src/groups/envelope.ts";
import { GroupMachine } from "../src/groups/group_machine.ts";
import type { ValueReference, Values } from "../src/groups/values.ts";
import type { QueueAnswer } from "../src/queue/answers.ts";
import { encodeQueueCommand, type QueueCommand } from "../src/queue/commands.ts";
import { QUEUE_MACHINE, QueueMachine } from "../src/queue/machine.ts";
import { type Item, packItems } from "../src/queue/published_items.ts";

const LANE = { topic: "jobs", lane: 0, lanes: 1, settings: null };
const BOUNDS = { messagesMax: 2_000_000, bytesMax: 2 ** 30, dedupMax: 1_000_000 };
const BODY = new Uint8Array(100).fill(65);
const FILE_BYTES = 16 * 1024 * 1024;

/** Gives references and keeps nothing. */
class NoValues implements Values {
  #end = 0;

  append(bytes: Uint8Array): ValueReference {
    const file = 1 + Math.floor(this.#end / FILE_BYTES);
    const offsetBytes = this.#end % FILE_BYTES;
    this.#end += bytes.length + 4;
    return { file, offsetBytes, sizeBytes: bytes.length };
  }

  discard(): void {}

  restored(reference: ValueReference): ValueReference {
    return reference;
  }
}

class Subject {
  readonly group = new GroupMachine(1, [new QueueMachine(new NoValues())]);
  timeMs = 1_000;
  #index = 1;
  #published = 0;

  apply(payload: Uint8Array): QueueAnswer {
    const index = ++this.#index;
    const entry = { index, term: 1, kind: "command", timeMs: this.timeMs, payload } as const;
    return this.group.apply(entry).answer as QueueAnswer;
  }

  publish(count: number, hasIds: boolean, rest: Partial<Item> = {}): Uint8Array {
    const items = Array.from({ length: count }, () => {
      const number = String(this.#published++).padStart(12, "0");
      const id = hasIds ? `0f8fad5b-d9cb-469f-a165-${number}` : null;
      return { id, body: BODY, priority: 0, delayMs: 0, ttlMs: null, ...rest };
    });
    return encoded({ kind: "publish", ...LANE, bounds: BOUNDS, items: packItems(items) });
  }

  deliver(max: number, visibilityMs: number | null = null): Uint8Array {
    const rest = { consumer: null, max, bytesMax: 2 ** 30, visibilityMs };
    return encoded({ kind: "deliver", ...LANE, ...rest });
  }
}

function encoded(command: QueueCommand): Uint8Array {
  return encodeEnvelope(QUEUE_MACHINE, null, encodeQueueCommand(command));
}

function acknowledged(answer: QueueAnswer): Uint8Array {
  const messages = "messages" in answer ? answer.messages : [];
  const deliveries = messages.map(([number, , delivery]) => {
    return { id: null, receipt: { number, delivery } };
  });
  return encoded({ kind: "acknowledge", topic: LANE.topic, lane: 0, deliveries });
}

if (import.meta.main && Deno.args[0] === "--million") million(Deno.args[1] === "ids");
else registerBenches();

function registerBenches(): void {
  const rounds = 200;
  for (const size of [1, 100]) {
    for (const hasIds of [false, true]) {
      for (const standing of [0, 1_000_000]) {
        const subject = new Subject();
        for (let at = 0; at < standing; at += 1_000) subject.apply(subject.publish(1_000, false));
        Deno.bench({
          name: `${rounds} × (publish, deliver, ack ${size}${
            hasIds ? " with ids" : ""
          }), ${standing} ready`,
          group: `batches of ${size}`,
          fn(bench) {
            const publishes = Array.from({ length: rounds }, () => subject.publish(size, hasIds));
            const deliver = subject.deliver(size);
            bench.start();
            for (const publish of publishes) {
              subject.apply(publish);
              subject.apply(acknowledged(subject.apply(deliver)));
            }
            bench.end();
          },
        });
      }
    }
  }
}

/** One story of a million messages, each step with its cost. */
function million(hasIds: boolean): void {
  const count = 1_000_000;
  const batch = 100;
  const subject = new Subject();
  report("empty", memory());
  measure("publish", count, batch, () => subject.publish(batch, hasIds));
  report("all ready", memory());
  let chunks: Uint8Array[] = [];
  once("snapshot", () => {
    const snapshot = subject.group.snapshot();
    for (let step = snapshot.next(); step.done !== true; step = snapshot.next()) {
      chunks.push(step.value);
    }
  });
  once("restore", () => new Subject().group.restore(chunks));
  chunks = [];
  const visibilityMs = 43_200_000;
  measure("deliver", count, batch, () => subject.deliver(batch, visibilityMs));
  subject.timeMs += visibilityMs;
  once("all back at once, in one entry", () => subject.apply(subject.group.tickPayload));
  const answers: QueueAnswer[] = [];
  measure("deliver again", count, batch, () => subject.deliver(batch, visibilityMs), (answer) => {
    answers.push(answer);
  });
  measure("acknowledge", count, batch, () => acknowledged(answers.shift()!));
  report("all gone", memory());

  function measure(
    name: string,
    count: number,
    batch: number,
    payloadOf: () => Uint8Array,
    then?: (answer: QueueAnswer) => void,
  ): void {
    let [totalMs, worstMs] = [0, 0];
    for (let at = 0; at < count; at += batch) {
      const payload = payloadOf();
      const beganMs = performance.now();
      const answer = subject.apply(payload);
      const tookMs = performance.now() - beganMs;
      if ("refused" in answer) throw new Error(answer.refused.message);
      totalMs += tookMs;
      worstMs = Math.max(worstMs, tookMs);
      then?.(answer);
      subject.timeMs++;
    }
    const each = (1_000 * totalMs / count).toFixed(2);
    report(name, `${each} µs a message, the slowest entry ${worstMs.toFixed(1)} ms`);
  }
}

function once(name: string, run: () => void): void {
  const beganMs = performance.now();
  run();
  report(name, `${Math.round(performance.now() - beganMs)} ms`);
}

function memory(): string {
  const { gc } = globalThis as { gc?: () => void };
  // Arrays that the first one found are given back by the next.
  for (let round = 0; round < 3; round++) gc?.();
  const { heapUsed, external } = Deno.memoryUsage();
  return `${Math.round(heapUsed / 1e6)} MB heap and ${Math.round(external / 1e6)} MB in arrays`;
}

function report(name: string, what: string): void {
  console.log(`${name}: ${what}`);
}

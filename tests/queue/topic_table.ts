/** A queue machine with short calls, for tests that tell a story: one entry each, time moved by hand. */
import assert from "node:assert/strict";
import { encodeEnvelope } from "../../src/groups/envelope.ts";
import { GroupMachine } from "../../src/groups/group_machine.ts";
import type { RequestKey } from "../../src/groups/groups.ts";
import type { DeliveredMessage, QueueAnswer, QueueEffect } from "../../src/queue/answers.ts";
import {
  type DeliveryRef,
  encodeQueueCommand,
  type LaneAddress,
  type QueueCommand,
} from "../../src/queue/commands.ts";
import type { LaneView } from "../../src/queue/lane_view.ts";
import { QUEUE_MACHINE, QueueMachine } from "../../src/queue/machine.ts";
import { givenId } from "../../src/queue/message_names.ts";
import { type Item, packItems } from "../../src/queue/published_items.ts";
import type { TopicChanges } from "../../src/queue/topic_options.ts";
import { HeldValues } from "../groups/held_values.ts";
import { NO_CHANGES } from "./queue_commands.ts";

export const GROUP = 4;
export const JOBS: LaneAddress = { topic: "jobs", lane: 0, lanes: 1, settings: null };

export interface Result {
  readonly answer: QueueAnswer;
  readonly effects: readonly QueueEffect[];
}

/** A delivery as a consumer has it. */
export interface Taken {
  readonly id: string;
  readonly ref: DeliveryRef;
  readonly attempts: number;
  readonly visibleUntilMs: number;
}

export class TopicTable {
  readonly values = new HeldValues();
  readonly machine = new QueueMachine(this.values);
  readonly group = new GroupMachine(GROUP, [this.machine]);
  bounds = { messagesMax: 100_000, bytesMax: 1_000_000, dedupMax: 1_000 };
  timeMs = 10_000;
  #index = 1;

  /** Publishes messages with these ids, and other properties that all of them share. */
  publish(ids: readonly (string | null)[], rest: Partial<Item> = {}, to = JOBS): Result {
    const body = new TextEncoder().encode("{}");
    const usual = { body, priority: 0, delayMs: 0, ttlMs: null };
    const items = packItems(ids.map((id) => ({ ...usual, ...rest, id })));
    return this.apply({ kind: "publish", ...to, bounds: this.bounds, items });
  }

  /** @returns the places of duplicates; fails where the batch was refused */
  duplicates(ids: readonly (string | null)[], rest: Partial<Item> = {}): readonly number[] {
    const { answer } = this.publish(ids, rest);
    assert.ok("duplicates" in answer, JSON.stringify(answer));
    return answer.duplicates;
  }

  consume(max = 1, visibilityMs: number | null = null, request: RequestKey | null = null): Taken[] {
    const bytesMax = 1_000_000;
    const { answer } = this.apply(
      { kind: "deliver", ...JOBS, consumer: null, max, bytesMax, visibilityMs },
      request,
    );
    assert.ok("messages" in answer, JSON.stringify(answer));
    return answer.messages.map(taken);
  }

  /** Consumes up to `max`. @returns their ids */
  ids(max = 1_000): string[] {
    return this.consume(max).map(({ id }) => id);
  }

  /** @returns how it was settled, as in `SETTLED` */
  acknowledge(...deliveries: readonly DeliveryRef[]): readonly number[] {
    return this.results({ kind: "acknowledge", ...JOBS, deliveries });
  }

  refuse(
    delivery: DeliveryRef,
    delayMs: number | null = null,
    reason: string | null = null,
  ): readonly number[] {
    return this.results({ kind: "refuse", ...JOBS, deliveries: [delivery], delayMs, reason });
  }

  extend(delivery: DeliveryRef, visibilityMs: number | null = null): readonly number[] {
    return this.results({ kind: "extend", ...JOBS, deliveries: [delivery], visibilityMs });
  }

  configure(changes: Partial<TopicChanges>, topic = "jobs"): Result {
    return this.apply({ kind: "configure", topic, changes: { ...NO_CHANGES, ...changes } });
  }

  results(command: QueueCommand): readonly number[] {
    const { answer } = this.apply(command);
    assert.ok("results" in answer, JSON.stringify(answer));
    return answer.results;
  }

  apply(command: QueueCommand, request: RequestKey | null = null): Result {
    const payload = encodeEnvelope(QUEUE_MACHINE, request, encodeQueueCommand(command));
    return this.#apply(payload);
  }

  /** Moves time and lets a tick pass. @returns what it caused */
  pass(ms: number): readonly QueueEffect[] {
    this.timeMs += ms;
    return this.#apply(this.group.tickPayload).effects;
  }

  #apply(payload: Uint8Array): Result {
    const index = ++this.#index;
    const entry = { index, term: 1, kind: "command", timeMs: this.timeMs, payload } as const;
    return this.group.apply(entry) as unknown as Result;
  }

  view(topic = "jobs", lane = 0): LaneView {
    const view = this.machine.lane({ topic, lane });
    assert.ok(view !== undefined, `${topic} has a lane ${lane}`);
    return view;
  }

  dead(max = 100, after: string | null = null) {
    return this.machine.dead(JOBS, { group: GROUP, max, after });
  }
}

function taken(
  [number, id, delivery, attempts, , , visibleUntilMs]: DeliveredMessage,
): Taken {
  return {
    id: id ?? givenId({ group: GROUP, lane: 0 }, number),
    ref: { id: null, receipt: { number, delivery } },
    attempts,
    visibleUntilMs,
  };
}

export function byId(id: string): DeliveryRef {
  return { id, receipt: null };
}

/** The code of a refusal, or null. */
export function refusal({ answer }: Result): string | null {
  return "refused" in answer ? answer.refused.code : null;
}

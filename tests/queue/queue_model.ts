/**
 * The queue as the design words it, in the dumbest way: one list of messages a lane, searched from the front, and
 * nothing remembered that can be counted. It takes only the numbers from the machine's answers, and checks that they
 * are new. The machine is compared with it after every command.
 */
import assert from "node:assert/strict";
import type { PublishedAnswer, QueueAnswer, Settled } from "../../src/queue/answers.ts";
import type {
  DeliverCommand,
  DeliveryRef,
  LaneAddress,
  PublishCommand,
  QueueCommand,
} from "../../src/queue/commands.ts";
import { numberAt } from "../../src/queue/published_items.ts";
import { DEFAULT_TOPIC_OPTIONS, type TopicSettings } from "../../src/queue/topic_options.ts";
import {
  deadlineOf,
  deliveryOrder,
  drop,
  isIn,
  type ModelLane,
  type ModelMessage,
  remember,
  sorted,
  TOTALS,
} from "./model_lane.ts";

/** What is expected of an answer, less the numbers that only the machine gives out. */
export type Expected =
  | { readonly refused: string }
  | { readonly duplicates: readonly number[] }
  | { readonly delivered: readonly ModelMessage[] }
  | { readonly results: readonly Settled[] }
  | { readonly settings: TopicSettings }
  | { readonly count: number; readonly more: boolean };

export class QueueModel {
  readonly lanes: ModelLane[] = [];
  readonly #group: number;
  #moves = 0;
  #lastNumber = 0;

  constructor(group: number) {
    this.#group = group;
  }

  find(topic: string, lane: number): ModelLane | undefined {
    return this.lanes.find((one) => one.topic === topic && one.lane === lane);
  }

  /** @param answer of the machine; only its numbers are taken from it */
  apply(command: QueueCommand, timeMs: number, answer: QueueAnswer): Expected {
    switch (command.kind) {
      case "publish":
        return this.#publish(command, timeMs, answer as PublishedAnswer);
      case "deliver":
        return this.#deliver(command, timeMs, answer);
      case "configure": {
        const lane = this.find(command.topic, 0);
        const { changes } = command;
        const options = { ...(lane?.settings.options ?? DEFAULT_TOPIC_OPTIONS) };
        if (lane !== undefined && (changes.lanes ?? options.lanes) !== options.lanes) {
          return { refused: "CONFLICT" };
        }
        for (const [name, value] of Object.entries(changes)) {
          if (value !== null) Object.assign(options, { [name]: value });
        }
        if (lane === undefined) {
          return { settings: this.#make(command.topic, 0, { options, revision: 1 }).settings };
        }
        if (JSON.stringify(options) !== JSON.stringify(lane.settings.options)) {
          lane.settings = { options, revision: lane.settings.revision + 1 };
        }
        return { settings: lane.settings };
      }
      case "adopt": {
        const { topic, lane: number, settings } = command;
        const lane = this.find(topic, number) ?? this.#make(topic, number, settings);
        if (lane.settings.revision < settings.revision) lane.settings = settings;
        return { settings: lane.settings };
      }
      default: {
        const lane = this.find(command.topic, command.lane);
        if (lane === undefined) return { refused: "NOT_FOUND" };
        return this.#onLane(command, lane, timeMs);
      }
    }
  }

  #onLane(
    command: Exclude<QueueCommand, { kind: "publish" | "deliver" | "configure" | "adopt" }>,
    lane: ModelLane,
    timeMs: number,
  ): Expected {
    const { options } = lane.settings;
    switch (command.kind) {
      case "acknowledge":
        return this.#settle(command.deliveries, lane, (message) => {
          lane.totals.acknowledged!++;
          drop(lane, message);
        });
      case "extend":
        return this.#settle(command.deliveries, lane, (message) => {
          message.eventMs = timeMs + (command.visibilityMs ?? options.visibilityMs);
        });
      case "handBack":
        return this.#settle(command.deliveries, lane, (message) => {
          message.attempts--;
          lane.totals.delivered!--;
          this.#goBack(lane, message, 0, timeMs);
        });
      case "refuse":
        return this.#settle(command.deliveries, lane, (message) => {
          const { backoffMs } = options;
          const step = Math.min(message.attempts, backoffMs.length);
          const delayMs = command.delayMs ?? (step === 0 ? 0 : backoffMs[step - 1]!);
          const said = command.reason === null ? "" : `: ${command.reason}`;
          this.#failed(lane, message, delayMs, said, timeMs);
        });
      case "requeue": {
        const dead = sorted(lane.messages.filter(isIn("dead")), (message) => message.since);
        const chosen = command.ids === null
          ? dead.slice(0, command.max)
          : command.ids.slice(0, command.max).map((id) => this.#byId(lane, id));
        let count = 0;
        for (const message of chosen) {
          if (message?.state !== "dead") continue;
          count++;
          lane.totals.requeued!++;
          message.attempts = 0;
          message.place = ++this.#moves;
          this.#stand(message, "ready", 0);
        }
        const more = command.ids === null && lane.messages.some(isIn("dead"));
        return { count, more };
      }
      case "purge": {
        const states = command.what === "all"
          ? ["ready", "delayed", "dead", "inFlight"] as const
          : [command.what];
        let count = 0;
        for (const state of states) {
          const standing = lane.messages.filter(isIn(state));
          const inOrder = state === "ready"
            ? deliveryOrder(standing)
            : sorted(standing, (message) => message.since);
          for (const message of inOrder.slice(0, command.max - count)) {
            count++;
            lane.totals.purged!++;
            drop(lane, message);
          }
        }
        return { count, more: lane.messages.some(({ state }) => states.includes(state as "dead")) };
      }
    }
  }

  #make(topic: string, lane: number, settings: TopicSettings): ModelLane {
    const totals = Object.fromEntries(TOTALS.map((name) => [name, 0]));
    const made = { topic, lane, settings, messages: [], window: [], means: new Map(), totals };
    this.lanes.push(made);
    return made;
  }

  /** @returns the code of the refusal where this command cannot have the lane */
  #reach({ topic, lane: number, lanes, settings }: LaneAddress): ModelLane | string {
    const lane = this.find(topic, number);
    if (lane !== undefined) {
      if (lane.settings.options.lanes !== lanes) return "CONFLICT";
      if (settings !== null && settings.revision > lane.settings.revision) lane.settings = settings;
      return lane;
    }
    if (number === 0 && lanes === 1) {
      return this.#make(topic, 0, { options: DEFAULT_TOPIC_OPTIONS, revision: 0 });
    }
    return number > 0 && settings !== null ? this.#make(topic, number, settings) : "NOT_FOUND";
  }

  #publish(command: PublishCommand, timeMs: number, answer: PublishedAnswer): Expected {
    const lane = this.#reach(command);
    if (typeof lane === "string") return { refused: lane };
    const { items, bounds } = command;
    const ids = Array.from({ length: items.count }, (_, place) => items.ids?.[place] ?? null);
    const prefix = `skein-${this.#group}-${lane.lane}-`;
    const first = answer.first ?? Infinity;
    if (ids.some((id) => id?.startsWith(prefix) && Number(id.slice(prefix.length)) >= first)) {
      return { refused: "INVALID" };
    }
    if (answer.kind !== "published" && answer["refused" as never]["code"] === "INVALID") {
      // No number was given out yet that is as high as the one in the id.
      const numbers = ids.map((id) => Number(id?.startsWith(prefix) && id.slice(prefix.length)));
      assert.ok(numbers.some((number) => number > this.#lastNumber), "the id is not given out yet");
      return { refused: "INVALID" };
    }
    if (!this.#hasRoom(lane, command, ids, timeMs)) return { refused: "TOO_MANY_REQUESTS" };
    const duplicates: number[] = [];
    let at = 0;
    let number = answer.first;
    while (lane.window.length > 0 && lane.window[0]!.endMs <= timeMs) lane.window.shift();
    for (const [place, id] of ids.entries()) {
      const sizeBytes = numberAt(items.sizes, place);
      const body = items.bodies.slice(at, at += sizeBytes);
      if (id !== null && this.#isDuplicate(lane, id, timeMs)) {
        duplicates.push(place);
        lane.totals.duplicates!++;
        continue;
      }
      this.#given(number);
      const ttlMs = items.ttls === null ? 0 : numberAt(items.ttls, place);
      const delayMs = items.delays === null ? 0 : numberAt(items.delays, place);
      const message: ModelMessage = {
        number: number++,
        id,
        body,
        priority: items.priorities?.[place] ?? 0,
        publishedMs: timeMs,
        state: "ready",
        place: ++this.#moves,
        attempts: 0,
        eventMs: 0,
        ttlEndMs: ttlMs === 0 ? Infinity : timeMs + ttlMs,
        delivery: 0,
        since: 0,
        reason: "",
      };
      lane.messages.push(message);
      lane.totals.published!++;
      if (id !== null) {
        lane.means.set(id, message);
        remember(lane, id, timeMs, bounds.dedupMax);
      }
      if (delayMs > 0) this.#stand(message, "delayed", timeMs + delayMs);
    }
    return { duplicates };
  }

  #isDuplicate(lane: ModelLane, id: string, timeMs: number): boolean {
    if (lane.window.some((one) => one.id === id && one.endMs > timeMs)) return true;
    return lane.messages.some((message) =>
      message.id === null && id === `skein-${this.#group}-${lane.lane}-${message.number}`
    );
  }

  #hasRoom(
    lane: ModelLane,
    { items, bounds }: PublishCommand,
    ids: readonly (string | null)[],
    timeMs: number,
  ): boolean {
    const isNew = ids.map((id, place) => {
      if (id === null) return true;
      const isFirst = ids.indexOf(id) === place || lane.settings.options.dedupWindowMs === 0;
      return isFirst && !this.#isDuplicate(lane, id, timeMs);
    });
    if (!isNew.includes(true)) return true;
    let [messages, bytes] = [lane.messages.length, 0];
    for (const { body, id } of lane.messages) bytes += body.length + (id?.length ?? 0);
    for (const [place, id] of ids.entries()) {
      if (!isNew[place]) continue;
      messages++;
      bytes += numberAt(items.sizes, place) + (id?.length ?? 0);
    }
    return messages <= bounds.messagesMax && bytes <= bounds.bytesMax;
  }

  #deliver(command: DeliverCommand, timeMs: number, answer: QueueAnswer): Expected {
    const lane = this.#reach(command);
    if (typeof lane === "string") return { refused: lane };
    const { options } = lane.settings;
    if (options.paused) return { delivered: [] };
    const delivered: ModelMessage[] = [];
    let bytes = 0;
    for (const message of deliveryOrder(lane.messages.filter(isIn("ready")))) {
      bytes += message.body.length;
      if (delivered.length === command.max) break;
      if (bytes > command.bytesMax && delivered.length > 0) break;
      delivered.push(message);
    }
    const rows = "messages" in answer ? answer.messages : [];
    for (const [place, message] of delivered.entries()) {
      message.attempts++;
      message.delivery = rows[place]?.[2] ?? NaN;
      this.#given(message.delivery);
      this.#stand(message, "inFlight", timeMs + (command.visibilityMs ?? options.visibilityMs));
      if (message.id !== null) lane.means.set(message.id, message);
    }
    lane.totals.delivered! += delivered.length;
    return { delivered };
  }

  /** Numbers are never given twice. */
  #given(number: number): void {
    assert.ok(number > this.#lastNumber, `${number} is above ${this.#lastNumber}`);
    this.#lastNumber = number;
  }

  #settle(
    deliveries: readonly DeliveryRef[],
    lane: ModelLane,
    then: (message: ModelMessage) => void,
  ): Expected {
    const results = deliveries.map(({ id, receipt }): Settled => {
      const named = id === null ? undefined : this.#byId(lane, id);
      const other: Settled = named === undefined ? 1 : 2;
      if (receipt === null) {
        if (named?.state !== "inFlight") return other;
        then(named);
        return 0;
      }
      const meant = lane.messages.find(({ number }) => number === receipt.number);
      const isNamed = id === null || (meant?.id === null ? named === meant : meant?.id === id);
      if (meant === undefined || !isNamed) return other;
      if (meant.state !== "inFlight" || meant.delivery !== receipt.delivery) return 2;
      then(meant);
      return 0;
    });
    return { results };
  }

  #byId(lane: ModelLane, id: string): ModelMessage | undefined {
    return lane.means.get(id) ??
      lane.messages.find((message) =>
        message.id === null && id === `skein-${this.#group}-${lane.lane}-${message.number}`
      );
  }

  /** A delivery was not acknowledged. @returns whether it will be delivered again */
  #failed(
    lane: ModelLane,
    message: ModelMessage,
    delayMs: number,
    said: string,
    timeMs: number,
  ): boolean {
    const { maxAttempts } = lane.settings.options;
    if (maxAttempts > 0 && message.attempts >= maxAttempts) {
      lane.totals.deadLettered!++;
      message.reason = `max_attempts${said}`;
      message.ttlEndMs = Infinity;
      this.#stand(message, "dead", timeMs);
      if (message.id !== null) lane.means.set(message.id, message);
      return false;
    }
    if (!this.#goBack(lane, message, delayMs, timeMs)) return false;
    lane.totals.redelivered!++;
    return true;
  }

  #goBack(lane: ModelLane, message: ModelMessage, delayMs: number, timeMs: number): boolean {
    if (message.ttlEndMs <= timeMs) {
      lane.totals.expired!++;
      drop(lane, message);
      return false;
    }
    if (delayMs > 0) this.#stand(message, "delayed", timeMs + delayMs);
    else this.#stand(message, "ready", 0);
    return true;
  }

  #stand(message: ModelMessage, state: ModelMessage["state"], eventMs: number): void {
    message.state = state;
    message.eventMs = eventMs;
    message.since = ++this.#moves;
  }

  /** @returns what went back and what died by it, as `topic/lane: id` */
  expire(timeMs: number): { readonly returned: string[]; readonly dead: string[] } {
    const [returned, dead]: [string[], string[]] = [[], []];
    const due = this.lanes.flatMap((lane) => lane.messages.map((message) => ({ lane, message })));
    due.sort((a, b) => a.message.number - b.message.number);
    for (const { lane, message } of due) {
      if (deadlineOf(message) > timeMs) continue;
      const id = message.id ?? `skein-${this.#group}-${lane.lane}-${message.number}`;
      const what = `${lane.topic}/${lane.lane}: ${id}`;
      if (message.state !== "inFlight") this.#goBack(lane, message, 0, timeMs);
      else if (this.#failed(lane, message, 0, "", timeMs)) returned.push(what);
      else if (message.state === "dead" as string) dead.push(what);
    }
    return { returned, dead };
  }

  nextDeadlineMs(): number | null {
    const deadlines = this.lanes.flatMap(({ messages }) => messages.map(deadlineOf));
    const next = Math.min(Infinity, ...deadlines);
    return next === Infinity ? null : next;
  }
}

/** Mutants of the queue's service: of publishing, consuming and settling over partitions. */
import { type Mutant, test } from "./mutant.ts";

const SERVICE = test("tests/queue/service_test.ts");
const FAULTS = test("tests/queue/service_faults_test.ts");
const LANES = test("tests/queue/service_lanes_test.ts");
const LATE = test("tests/queue/late_deliveries_test.ts");
const LINE = test("tests/queue/waiting_line_test.ts");

export const QUEUE_SERVICE_MUTANTS: readonly Mutant[] = [
  {
    name: "what was delivered to a consumer that has gone is kept from the others",
    file: "src/queue/lane_desk.ts",
    search: `if (!isKept) this.#shares.handBack(messages.slice(dealt));`,
    replace: `if (isKept) this.#shares.handBack(messages.slice(dealt));`,
    caughtBy: [SERVICE, FAULTS, LATE],
  },
  {
    name: "what is handed back counts as an attempt",
    file: "src/queue/message_moves.ts",
    search: `    messages.setAttempts(slot, messages.attempts(slot) - 1);`,
    replace: ``,
    caughtBy: [SERVICE],
  },
  {
    name: "a leader that was cut off says that there is nothing",
    file: "src/queue/lane_desk.ts",
    search: `      await this.#edges.groups.readBarrier(this.#group, this.#edges.timeouts.readMs);
      const replica`,
    replace: `      const replica`,
    caughtBy: [FAULTS, SERVICE],
  },
  {
    name: "a leader answers for its partition without asking whether it leads",
    file: "src/queue/lane_answers.ts",
    search: `    const { queue } = await replicaToRead(this.#edges, group, { stale, timeoutMs });
    const view`,
    replace: `    const queue = this.#edges.replicaOf(group)!.queue;
    const view`,
    caughtBy: [FAULTS],
  },
  {
    name: "who has given up is waited for",
    file: "src/queue/lane_desk.ts",
    search: `if (!waiter.wants(nowMs)) return waiter.cancel();`,
    replace: `if (!waiter.wants(nowMs)) return;`,
    caughtBy: [LATE],
  },
  {
    name: "what the same request was given again is handed back",
    file: "src/queue/waiter.ts",
    search: `return this.question.request !== null && !this.#done && !this.wants(nowMs);`,
    replace: `return this.question.request === null && !this.#done && !this.wants(nowMs);`,
    caughtBy: [LATE],
  },
  {
    name: "a consumer is dealt more than it takes",
    file: "src/queue/lane_desk.ts",
    search: `messages.slice(dealt, dealt + waiter.question.max);`,
    replace: `messages.slice(dealt);`,
    caughtBy: [SERVICE],
  },
  {
    name: "who was dealt what another had asked for is forgotten where it cannot be read",
    file: "src/queue/share_server.ts",
    search: `for (const { waiter } of shares) if (!waiter.done) waiter.reject(error);`,
    replace: `throw error;`,
    caughtBy: [FAULTS],
  },
  {
    name: "who waits is not woken by what a leader applies again",
    file: "src/queue/service.ts",
    search: `          this.#desk.ready(group, effect);`,
    replace: `          if (!replayed) this.#desk.ready(group, effect);`,
    caughtBy: [FAULTS],
  },
  {
    name: "who waits is not woken by what was published",
    file: "src/queue/delivery_desk.ts",
    search: `this.#desks.get(deskName(group, topic, lane))?.wake();`,
    replace: `this.#desks.get(deskName(group, topic, lane + 1))?.wake();`,
    caughtBy: [SERVICE],
  },
  {
    name: "who waits at a former leader is not told",
    file: "src/queue/delivery_desk.ts",
    search:
      `for (const desk of this.#desks.values()) if (desk.group === group) desk.sendAway(error);`,
    replace:
      `for (const desk of this.#desks.values()) if (desk.group < group) desk.sendAway(error);`,
    caughtBy: [FAULTS],
  },
  {
    name: "the last who came is served first",
    file: "src/queue/waiting_line.ts",
    search: `this.#waiters[place - 1]!.sinceMs > waiter.sinceMs) place--;`,
    replace: `this.#waiters[place - 1]!.sinceMs < waiter.sinceMs) place--;`,
    caughtBy: [LINE, SERVICE],
  },
  {
    name: "what was delivered under a request id is dealt to others",
    file: "src/queue/waiting_line.ts",
    search: `return one.request === null && other.request === null && one.visibilityMs`,
    replace: `return one.visibilityMs`,
    caughtBy: [LINE],
  },
  {
    name: "a waiter stays in line while it is served",
    file: "src/queue/waiting_line.ts",
    search: `return this.#taken(this.#waiters.splice(0, count));`,
    replace: `return this.#taken(this.#waiters.slice(0, count));`,
    caughtBy: [LINE],
  },
  {
    name: "messages of one key go to any lane",
    file: "src/queue/topic_routes.ts",
    search: `const text = key ?? id;`,
    replace: `const text = id ?? key;`,
    caughtBy: [test("tests/queue/topic_routes_test.ts")],
  },
  {
    name: "what two lanes are asked goes under one request id",
    file: "src/queue/request_parts.ts",
    search: `if (request === null || lanes === 1) return request;`,
    replace: `if (request === null || lanes > 0) return request;`,
    caughtBy: [test("tests/queue/repeated_publish_test.ts")],
  },
  {
    name: "a part of a batch that failed is called published",
    file: "src/queue/publisher.ts",
    search: `for (const place of places) this.#results[place] = { ok: false, code, message };`,
    replace: `for (const place of places) {
      this.#results[place] = { ok: true, id: code, duplicate: message === "" };
    }`,
    caughtBy: [LANES],
  },
  {
    name: "each caller of a shared entry gets all its duplicates",
    file: "src/queue/publish_sender.ts",
    search: `const end = place + items.length;`,
    replace: `const end = Infinity;`,
    caughtBy: [SERVICE],
  },
  {
    name: "lanes are not told how their topic is configured",
    file: "src/queue/topic_upkeep.ts",
    search: `await Promise.all(others.map((lane) => this.#adopt(topic, lane, settings)));`,
    replace:
      `await Promise.all(others.slice(1).map((lane) => this.#adopt(topic, lane, settings)));`,
    caughtBy: [LANES],
  },
  {
    name: "of lanes that are waited for all win",
    file: "src/queue/long_poll.ts",
    search: `for (const other of questions) if (other !== question) void other.cancel();`,
    replace: ``,
    caughtBy: [LANES],
  },
  {
    name: "a receipt is taken to the lane that it names, wherever that lies",
    file: "src/queue/settler.ts",
    search: `return groupOf(this.#edges, topic, given.lane) === given.group ? given.lane : null;`,
    replace: `return given.lane;`,
    caughtBy: [test("tests/queue/foreign_receipts_test.ts")],
  },
  {
    name: "one lane that does not know a delivery hides that another settled it",
    file: "src/queue/settler.ts",
    search: `if (one === SETTLED.ok || other === SETTLED.ok) return SETTLED.ok;`,
    replace: `if (one === SETTLED.ok && other === SETTLED.ok) return SETTLED.ok;`,
    caughtBy: [LANES],
  },
];

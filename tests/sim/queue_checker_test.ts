/** Wrong histories of a queue, each of which the checker must refuse, beside sound ones that look alike. */
import assert from "node:assert/strict";
import { judgeQueue } from "./queue_checker.ts";
import type {
  ConsumeInput,
  PublishedMark,
  PublishInput,
  QueueInput,
  QueueOperation,
  SeenDelivery,
  SettleInput,
  SimulatedTopic,
  TopicEnding,
} from "./queue_history.ts";

const TOPIC: SimulatedTopic = {
  name: "t",
  lanes: 1,
  visibilityMs: 12_000,
  maxAttempts: 3,
  dedupWindowMs: 12_000,
};

function at(callMs: number, returnMs: number, input: QueueInput): QueueOperation {
  return { callMs, returnMs, input };
}

function item(mark: string, more: Partial<PublishedMark> = {}): PublishedMark {
  return {
    mark,
    givenId: null,
    key: null,
    priority: 0,
    delayMs: 0,
    ttlMs: null,
    result: { kind: "stored", id: `id-${mark}` },
    ...more,
  };
}

function publish(...items: readonly PublishedMark[]): PublishInput {
  return { kind: "publish", topic: "t", items };
}

let receipts = 0;

function delivery(mark: string, more: Partial<SeenDelivery> = {}): SeenDelivery {
  const receipt = `receipt-${++receipts}`;
  return { mark, id: `id-${mark}`, receipt, lane: 0, attempts: 1, priority: 0, key: null, ...more };
}

function consume(...deliveries: readonly SeenDelivery[]): ConsumeInput {
  return { kind: "consume", topic: "t", visibilityMs: 12_000, deliveries, unsure: false };
}

function settle(
  kind: SettleInput["kind"],
  { mark, receipt }: SeenDelivery,
  more: Partial<SettleInput> = {},
): SettleInput {
  return {
    kind,
    topic: "t",
    mark,
    receipt,
    byId: false,
    delayMs: null,
    visibilityMs: null,
    result: "ok",
    ...more,
  };
}

function ending(more: Partial<TopicEnding>): TopicEnding {
  const counts = { ready: 0, inFlight: 0, delayed: 0, dead: 0, expired: 0, purged: 0 };
  return {
    topic: "t",
    lanes: 1,
    deadMarks: [],
    ...counts,
    published: 0,
    acknowledged: 0,
    ...more,
  };
}

const UNKNOWN = { result: { kind: "unknown" } } as const;

function isSound(
  history: readonly QueueOperation[],
  endings: readonly TopicEnding[] | null = null,
  topic: SimulatedTopic = TOPIC,
): void {
  assert.deepEqual(judgeQueue(history, [topic], endings).violations, []);
}

/** One thing is wrong, and it is this. */
function isWrong(
  what: RegExp,
  history: readonly QueueOperation[],
  endings: readonly TopicEnding[] | null = null,
  topic: SimulatedTopic = TOPIC,
): void {
  const { violations } = judgeQueue(history, [topic], endings);
  assert.equal(violations.length, 1, violations.join("\n"));
  assert.match(violations[0]!, what);
}

Deno.test("an ordinary history is sound, and its order is judged", () => {
  const [a, b] = [delivery("a"), delivery("b")];
  const history = [
    at(0, 1, publish(item("a"), item("b"))),
    at(2, 3, consume(a, b)),
    at(4, 5, settle("acknowledge", a)),
    at(4, 5, settle("acknowledge", b)),
  ];
  isSound(history, [ending({ published: 2, acknowledged: 2 })]);
  const judged = judgeQueue(history, [TOPIC], null);
  assert.deepEqual([judged.delivered, judged.acknowledged, judged.ordered], [2, 2, 1]);
});

Deno.test("an acknowledged publish that nobody gets is lost", () => {
  const history = [at(0, 1, publish(item("a")))];
  isSound(history);
  isWrong(/a .* is lost: it was never delivered/, history, [ending({ published: 1, expired: 1 })]);
  isSound([at(0, 1, publish(item("a", UNKNOWN)))], [ending({})]);
  const refused = item("a", { result: { kind: "refused" } });
  isSound([at(0, 1, publish(refused))], [ending({})]);
  isWrong(/publish was refused/, [at(0, 1, publish(refused)), at(2, 3, consume(delivery("a")))]);
});

Deno.test("a message that was delivered and never settled is lost as well, if nothing is left", () => {
  const [first, last] = [delivery("a"), delivery("a", { attempts: 2 })];
  const history = [at(0, 1, publish(item("a"))), at(2, 3, consume(first))];
  isWrong(/a .* is lost: it was last seen/, history, [ending({ published: 1, expired: 1 })]);
  const again = at(20_000, 20_001, consume(last));
  const acknowledged = at(20_002, 20_003, settle("acknowledge", last));
  isSound([...history, again, acknowledged], [ending({ published: 1, acknowledged: 1 })]);
  const unknown = at(4, Infinity, settle("acknowledge", first, { result: "unknown" }));
  isSound([...history, unknown], [ending({ published: 1, acknowledged: 1 })]);
});

Deno.test("a message whose time was over may be gone, another may not", () => {
  const short = [
    at(0, 1, publish(item("a", { ttlMs: 1_200 }))),
    at(2_000, 2_001, publish(item("b"))),
    at(2_002, 2_003, consume(delivery("b"))),
    at(2_004, Infinity, settle("acknowledge", delivery("b"), { result: "unknown" })),
  ];
  const counts = ending({ published: 2, acknowledged: 1, expired: 1 });
  isSound(short, [counts]);
  const long = [at(0, 1, publish(item("a", { ttlMs: 12_000 }))), ...short.slice(1)];
  isWrong(/a .* is lost/, long, [counts]);
});

Deno.test("what was acknowledged is not delivered after the answer", () => {
  const a = delivery("a");
  const history = [
    at(0, 1, publish(item("a"))),
    at(2, 3, consume(a)),
    at(4, 10, settle("acknowledge", a)),
  ];
  const second = () => consume(delivery("a", { attempts: 2 }));
  isWrong(/delivered after it was acknowledged/, [...history, at(30_000, 30_001, second())]);
  const unsure = at(4, Infinity, settle("acknowledge", a, { result: "unknown" }));
  isSound([...history.slice(0, 2), unsure, at(30_000, 30_001, second())]);
  isSound([
    ...history.slice(0, 2),
    at(4, 30_005, settle("acknowledge", a)),
    at(30_000, 30_001, second()),
  ]);
});

Deno.test("a receipt belongs to one delivery", () => {
  const [a, b] = [delivery("a", { receipt: "r" }), delivery("b", { receipt: "r" })];
  const history = [at(0, 1, publish(item("a"), item("b"))), at(2, 3, consume(a, b))];
  isWrong(/a receipt was given twice/, history);
});

Deno.test("a stale receipt settles nothing", () => {
  const [old, current] = [delivery("a"), delivery("a", { attempts: 2 })];
  const history = [
    at(0, 1, publish(item("a"))),
    at(2, 3, consume(old)),
    at(20_000, 20_001, consume(current)),
  ];
  for (const kind of ["acknowledge", "refuse"] as const) {
    isWrong(/which was stale after/, [...history, at(20_002, 20_003, settle(kind, old))]);
    const refused = settle(kind, old, { result: "stale" });
    isSound([...history, at(20_002, 20_003, refused)]);
  }
  isSound([...history, at(20_002, 20_003, settle("acknowledge", old, { byId: true }))]);
});

Deno.test("nobody else gets a message while its visibility timeout runs", () => {
  const [a, again] = [delivery("a"), delivery("a", { attempts: 2 })];
  const published = at(0, 1, publish(item("a")));
  const first = at(2, 3, consume(a));
  const soon = at(9_000, 9_001, consume(again));
  isWrong(/delivered while another had it/, [published, first, soon]);
  isSound([published, first, at(11_000, 11_001, consume(again))]);
  const refusal = settle("refuse", a, { result: "unknown" });
  isSound([published, first, at(5, Infinity, refusal), soon]);
  const extend = (visibilityMs: number) => settle("extend", a, { visibilityMs });
  isSound([published, first, at(5, 6, extend(1_200)), soon]);
  const longer = at(5_000, 5_001, extend(12_000));
  const later = at(11_000, 11_001, consume(again));
  isWrong(/delivered while another had it/, [published, first, longer, later]);
});

Deno.test("neither a message's delay nor a refusal's is cut short", () => {
  const a = delivery("a");
  const delayed = at(0, 1, publish(item("a", { delayMs: 12_000 })));
  isWrong(/before its delay was over/, [delayed, at(2, 9_000, consume(a))]);
  isSound([delayed, at(2, 11_000, consume(a))]);
  const refused = [
    at(0, 1, publish(item("a"))),
    at(2, 3, consume(a)),
    at(4, 5, settle("refuse", a, { delayMs: 12_000 })),
  ];
  const again = () => consume(delivery("a", { attempts: 2 }));
  isWrong(/before the delay of its refusal/, [...refused, at(6, 9_000, again())]);
  isSound([...refused, at(6, 11_000, again())]);
});

Deno.test("messages of a lane come in order of publication", () => {
  const [a, b] = [delivery("a"), delivery("b")];
  const published = [at(0, 1, publish(item("a"))), at(2, 3, publish(item("b")))];
  const swapped = [at(4, 5, consume(b)), at(6, 7, consume(a))];
  isWrong(/out of order/, [...published, ...swapped]);
  isWrong(/out of order/, [...published, at(4, 5, consume(b, a))]);
  isWrong(/out of order/, [at(0, 1, publish(item("a"), item("b"))), at(4, 5, consume(b, a))]);
  isSound([at(0, 3, publish(item("a"))), at(2, 3, publish(item("b"))), ...swapped]);
  isSound([...published, at(4, 7, consume(b)), at(5, 7, consume(a))]);
});

Deno.test("the order is not judged where something else may have come between", () => {
  const [a, b] = [delivery("a"), delivery("b")];
  const published = [at(0, 1, publish(item("a"))), at(2, 3, publish(item("b")))];
  const swapped = [at(4, 5, consume(b)), at(6, 7, consume(a))];
  const nobody = { ...consume(), unsure: true };
  isSound([...published, ...swapped, at(2, 4, nobody)]);
  isSound([...published, ...swapped], null, { ...TOPIC, lanes: 2 });
  const delayed = at(0, 1, publish(item("a", { delayMs: 1 })));
  isSound([delayed, published[1]!, ...swapped]);
  const second = delivery("a", { attempts: 2 });
  isSound([...published, swapped[0]!, at(6, 7, consume(second))]);
});

Deno.test("a higher priority that was ready goes first", () => {
  const [low, high] = [delivery("low"), delivery("high", { priority: 5 })];
  const published = [
    at(0, 1, publish(item("low"))),
    at(2, 3, publish(item("high", { priority: 5 }))),
  ];
  isWrong(/priority 0 was delivered before high/, [
    ...published,
    at(4, 5, consume(low)),
    at(6, 7, consume(high)),
  ]);
  isSound([...published, at(2.5, 5, consume(low)), at(6, 7, consume(high))]);
  isWrong(/behind a lower priority/, [...published, at(4, 5, consume(low, high))]);
  isSound([...published, at(4, 5, consume(low, { ...high, lane: 1 }))]);
});

Deno.test("what is delivered is what was published, and was published before", () => {
  const published = at(5, 6, publish(item("a", { key: "k" })));
  isSound([published, at(7, 8, consume(delivery("a", { key: "k" })))]);
  for (const wrong of [{ key: null }, { key: "k", priority: 3 }, { key: "k", id: "id-b" }]) {
    isWrong(/not as it was published/, [published, at(7, 8, consume(delivery("a", wrong)))]);
  }
  isWrong(/before it was published/, [published, at(2, 4, consume(delivery("a", { key: "k" })))]);
  isWrong(/never published/, [published, at(7, 8, consume(delivery("b")))]);
});

Deno.test("an id is stored once within the window", () => {
  const stored = { kind: "stored", id: "x" } as const;
  const duplicate = { kind: "duplicate", id: "x", ownPerhaps: false } as const;
  const named = (mark: string, result: PublishedMark["result"]) =>
    publish(item(mark, { givenId: "x", result }));
  const first = at(0, 1, named("a", stored));
  isWrong(/stored twice/, [first, at(2, 3, named("b", stored))]);
  isSound([first, at(12_000, 12_001, named("b", stored))]);
  isSound([first, at(2, 3, named("b", duplicate))]);
  isWrong(/which nobody had published/, [at(2, 3, named("b", duplicate))]);
  isSound([at(0, Infinity, named("a", { kind: "unknown" })), at(2, 3, named("b", duplicate))]);
  isSound([at(2, 3, named("b", { ...duplicate, ownPerhaps: true }))]);
  const delivered = at(4, 5, consume(delivery("b", { id: "x" })));
  isWrong(/and was delivered/, [first, at(2, 3, named("b", duplicate)), delivered]);
  isWrong(/answered as y/, [at(0, 1, named("a", { kind: "stored", id: "y" }))]);
});

Deno.test("a duplicate's message is lost only if none that has its id is there", () => {
  const named = (mark: string, result: PublishedMark["result"]) =>
    publish(item(mark, { givenId: "x", result }));
  const history = [
    at(0, Infinity, named("a", { kind: "unknown" })),
    at(2, 3, named("b", { kind: "duplicate", id: "x", ownPerhaps: false })),
  ];
  isWrong(/b .* is lost/, history, [ending({ published: 1, purged: 1 })]);
  const a = delivery("a", { id: "x" });
  const rest = [at(4, 5, consume(a)), at(6, 7, settle("acknowledge", a))];
  isSound([...history, ...rest], [ending({ published: 1, acknowledged: 1 })]);
});

Deno.test("attempts count up to the maximum, and begin anew only where dead letters were put back", () => {
  const published = at(0, 1, publish(item("a")));
  const attempt = (atMs: number, attempts: number) =>
    at(atMs, atMs + 1, consume(delivery("a", { attempts })));
  isSound([published, attempt(2, 1), attempt(20_000, 2), attempt(40_000, 3)]);
  isWrong(/more attempts than 3/, [published, attempt(2, 4)]);
  isWrong(/do not count up/, [published, attempt(2, 2), attempt(40_000, 1)]);
  const requeue = at(30_000, 30_001, { kind: "requeue", topic: "t" });
  isSound([published, attempt(2, 3), requeue, attempt(40_000, 1)]);
});

Deno.test("a dead letter is accounted for only where it is listed", () => {
  const history = [at(0, 1, publish(item("a")))];
  isSound(history, [ending({ published: 1, dead: 1, deadMarks: ["a"] })]);
  const { violations } = judgeQueue(history, [TOPIC], [ending({ published: 1, dead: 1 })]);
  assert.match(violations.join("\n"), /is lost/);
  assert.match(violations.join("\n"), /counts 1 dead letters and lists 0/);
});

Deno.test("a batch of unknown outcome is there whole or not at all", () => {
  const [a, b] = [delivery("a"), delivery("b")];
  const batch = at(0, Infinity, publish(item("a", UNKNOWN), item("b", UNKNOWN)));
  const half = [batch, at(2, 3, consume(a)), at(4, 5, settle("acknowledge", a))];
  isWrong(/of a batch of 2, 1 are missing: b/, half, [ending({ published: 1, acknowledged: 1 })]);
  isSound(half, [ending({ lanes: 2, published: 1, acknowledged: 1 })], { ...TOPIC, lanes: 2 });
  const rest = [at(2, 3, consume(b)), at(4, 5, settle("acknowledge", b))];
  isSound([...half, ...rest], [ending({ published: 2, acknowledged: 2 })]);
});

Deno.test("the counts of a topic add up, and are what its clients know", () => {
  const a = delivery("a");
  const history = [
    at(0, 1, publish(item("a"))),
    at(2, 3, consume(a)),
    at(4, 5, settle("acknowledge", a)),
  ];
  isWrong(/2 were published, 1 are accounted for/, [
    ...history,
    at(0, 9, publish(item("b", UNKNOWN))),
  ], [
    ending({ published: 2, acknowledged: 1 }),
  ]);
  isWrong(/counts 2 published, of 1 certain and 1 possible/, history, [
    ending({ published: 2, acknowledged: 1, purged: 1 }),
  ]);
  isWrong(/counts 0 acknowledged/, history, [ending({ published: 1, expired: 1 })]);
});

Deno.test("a read counts all that was answered before, and nothing that was asked after", () => {
  const a = delivery("a");
  const history = [
    at(0, 1, publish(item("a"))),
    at(2, 3, consume(a)),
    at(4, 9, settle("acknowledge", a)),
    at(4, 9, publish(item("b"))),
  ];
  const read = (callMs: number, published: number, acknowledged: number) =>
    at(callMs, callMs + 1, { kind: "stats", topic: "t", published, acknowledged });
  for (
    const sound of [read(0.5, 0, 0), read(2, 1, 0), read(5, 1, 1), read(5, 2, 0), read(10, 2, 1)]
  ) {
    isSound([...history, sound]);
  }
  isWrong(/published 0, not 1 to 1/, [...history, read(2, 0, 0)]);
  isWrong(/published 2, not 1 to 1/, [...history, read(2, 2, 0)]);
  isWrong(/acknowledged 0, not 1 to 1/, [...history, read(10, 2, 0)]);
  isWrong(/acknowledged 1, not 0 to 0/, [...history, read(2, 1, 1)]);
});

/** The ledger of a queue load lets right histories pass, and refuses each wrong one. */
import assert from "node:assert/strict";
import type { TopicView } from "../../src/client/mod.ts";
import { QueueLedger } from "./queue_ledger.ts";

const TOPIC = "t";

/** A topic in the end, of which so many messages were published and acknowledged. */
function view(published: number, acknowledged: number, left: Partial<TopicView> = {}): TopicView {
  return {
    topic: TOPIC,
    lanes: 1,
    visibilityMs: 30_000,
    maxAttempts: 16,
    dedupWindowMs: 300_000,
    backoffMs: [],
    paused: false,
    ready: 0,
    inFlight: 0,
    delayed: 0,
    dead: 0,
    bytes: 0,
    oldestAgeMs: null,
    totals: {
      published,
      duplicates: 0,
      delivered: 0,
      redelivered: 0,
      acknowledged,
      deadLettered: 0,
      expired: 0,
      purged: 0,
      requeued: 0,
      dedupEvicted: 0,
    },
    rates: { published: 0, delivered: 0, acknowledged: 0 },
    ...left,
  };
}

function stored(ledger: QueueLedger, id: string): number {
  const mark = ledger.publishing(TOPIC, null);
  ledger.published(mark, id, false, false);
  return mark;
}

function deliver(
  ledger: QueueLedger,
  mark: number,
  attempts: number,
  askedAt = ledger.moment(),
): void {
  const receipt = `${mark}-${attempts}-${ledger.totals.delivered}`;
  ledger.delivered(TOPIC, { mark, id: `m${mark}`, receipt, attempts }, askedAt);
}

Deno.test("a right history passes: redelivered, stale, dead, and what nobody knows", () => {
  const ledger = new QueueLedger();
  const [plain, again, asked, acked] = ["m0", "m1", "m2", "m3"].map((id) => stored(ledger, id));
  const unknown = ledger.publishing(TOPIC, null);
  const given = ledger.publishing(TOPIC, "m5");
  ledger.publishUnknown(unknown);
  ledger.published(given, "m5", true, true);
  ledger.publishedAgain(given, "m5", true);
  deliver(ledger, plain!, 1);
  ledger.acknowledged(plain!, 1);
  deliver(ledger, again!, 1);
  deliver(ledger, again!, 2);
  ledger.settleRefused(again!, "ack", "STALE_RECEIPT");
  ledger.acknowledged(again!, 2);
  const askedAt = ledger.moment();
  deliver(ledger, asked!, 1);
  ledger.acknowledged(asked!, null);
  // Asked for before the ack was answered: it may have been delivered before.
  deliver(ledger, asked!, 2, askedAt);
  deliver(ledger, acked!, 1);
  ledger.acknowledgeUnknown(acked!);
  ledger.dead(TOPIC, given, "m5");
  deliver(ledger, given, 1);
  ledger.acknowledged(given, 1);
  ledger.finish([view(6, 5)]);
  ledger.finish([view(5, 4)]);
  assert.deepEqual(ledger.totals, {
    stored: 5,
    unknown: 1,
    delivered: 7,
    again: 2,
    acknowledged: 4,
    dead: 1,
    stale: 1,
  });
});

const WRONG: Readonly<Record<string, readonly [RegExp, (ledger: QueueLedger) => TopicView]>> = {
  "a stored message that nobody ever got": [/^LOST: /, (ledger) => {
    stored(ledger, "m0");
    return view(1, 0);
  }],
  "a stored message that was delivered, refused and gone": [/^LOST: /, (ledger) => {
    deliver(ledger, stored(ledger, "m0"), 1);
    ledger.settleRefused(0, "ack", "NOT_FOUND");
    return view(1, 0);
  }],
  "a message whose publish had no outcome, delivered and gone": [/^LOST: /, (ledger) => {
    ledger.publishUnknown(ledger.publishing(TOPIC, null));
    deliver(ledger, 0, 1);
    return view(1, 0);
  }],
  "a delivery that was asked for after an ack by id": [/after its ack was answered/, (ledger) => {
    deliver(ledger, stored(ledger, "m0"), 1);
    ledger.acknowledged(0, null);
    deliver(ledger, 0, 2);
    return view(1, 1);
  }],
  "a delivery behind one whose receipt was acknowledged": [/delivered again behind/, (ledger) => {
    const askedAt = ledger.moment();
    deliver(ledger, stored(ledger, "m0"), 1);
    ledger.acknowledged(0, 1);
    deliver(ledger, 0, 2, askedAt);
    return view(1, 1);
  }],
  "two acks of one message": [/acknowledged twice/, (ledger) => {
    deliver(ledger, stored(ledger, "m0"), 1);
    ledger.acknowledged(0, 1);
    ledger.acknowledged(0, null);
    return view(1, 1);
  }],
  "a receipt given twice": [/receipt was given twice/, (ledger) => {
    for (const id of ["m0", "m1"]) stored(ledger, id);
    for (const mark of [0, 1]) {
      ledger.delivered(TOPIC, { mark, id: `m${mark}`, receipt: "r", attempts: 1 }, ledger.moment());
      ledger.acknowledged(mark, 1);
    }
    return view(2, 2);
  }],
  "a message stored under two ids": [/second id/, (ledger) => {
    deliver(ledger, stored(ledger, "other"), 1);
    ledger.acknowledged(0, 1);
    return view(1, 1);
  }],
  "a message of another topic": [/other delivered it/, (ledger) => {
    stored(ledger, "m0");
    ledger.delivered("other", { mark: 0, id: "m0", receipt: "r", attempts: 1 }, ledger.moment());
    ledger.acknowledged(0, 1);
    return view(1, 1);
  }],
  "a message that nobody published": [/which nobody published/, (ledger) => {
    deliver(ledger, 7, 1);
    return view(0, 0);
  }],
  "a duplicate of nothing": [/nobody had published it before/, (ledger) => {
    const mark = ledger.publishing(TOPIC, "m0");
    ledger.published(mark, "m0", true, false);
    deliver(ledger, mark, 1);
    ledger.acknowledged(mark, 1);
    return view(1, 1);
  }],
  "a second message under one id": [/no duplicate of itself/, (ledger) => {
    const mark = ledger.publishing(TOPIC, "m0");
    ledger.published(mark, "m0", false, false);
    ledger.publishedAgain(mark, "m0", false);
    deliver(ledger, mark, 1);
    ledger.acknowledged(mark, 1);
    return view(1, 1);
  }],
  "a dead letter that was acknowledged": [/acknowledged, and is dead/, (ledger) => {
    deliver(ledger, stored(ledger, "m0"), 1);
    ledger.acknowledged(0, 1);
    ledger.dead(TOPIC, 0, "m0");
    return view(1, 1);
  }],
  "an ack of a receipt that was handed back": [/handed back/, (ledger) => {
    deliver(ledger, stored(ledger, "m0"), 1);
    ledger.violated(0, "it was acknowledged by a receipt that was handed back");
    ledger.acknowledged(0, null);
    return view(1, 1);
  }],
  "a topic that is not empty": [/is not empty/, (ledger) => {
    deliver(ledger, stored(ledger, "m0"), 1);
    ledger.acknowledged(0, 1);
    return view(1, 1, { inFlight: 1 });
  }],
  "a topic that counts a message too many": [/published counts 2; 1 certain/, (ledger) => {
    deliver(ledger, stored(ledger, "m0"), 1);
    ledger.acknowledged(0, 1);
    return view(2, 1);
  }],
  "a topic that counts an ack too few": [/acknowledged counts 0; 1 certain/, (ledger) => {
    deliver(ledger, stored(ledger, "m0"), 1);
    ledger.acknowledged(0, 1);
    return view(1, 0);
  }],
};

for (const [what, [wanted, history]] of Object.entries(WRONG)) {
  Deno.test(`the ledger refuses ${what}`, () => {
    const ledger = new QueueLedger();
    const ending = history(ledger);
    assert.throws(() => ledger.finish([ending]), { message: wanted });
    assert.equal(ledger.violations.length, 1, ledger.violations.join("\n"));
  });
}

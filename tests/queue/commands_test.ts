import assert from "node:assert/strict";
import { decode, encode } from "../../src/codec/msgpack.ts";
import { LIMITS } from "../../src/limits.ts";
import { decodeQueueCommand, encodeQueueCommand } from "../../src/queue/commands.ts";
import { packItems } from "../../src/queue/published_items.ts";
import { DEFAULT_TOPIC_OPTIONS } from "../../src/queue/topic_options.ts";
import { Random } from "../../src/random.ts";
import { NO_CHANGES, randomQueueCommand } from "./queue_commands.ts";

const bounds = { messagesMax: 5, bytesMax: 6, dedupMax: 7 };
const { queueBatchMax, nameBytesMax } = LIMITS;
const item = { id: null, body: Uint8Array.of(1, 2), priority: 0, delayMs: 0, ttlMs: null };
const u32 = (...numbers: number[]) => new Uint8Array(Uint32Array.from(numbers).buffer);

Deno.test("a command comes back from bytes as it went in", () => {
  const random = new Random(1);
  const known = { group: 1, receipts: [{ number: 3, delivery: 4 }], bounds };
  for (let round = 0; round < 2_000; round++) {
    const command = randomQueueCommand(random, known);
    const decoded = decode(encode(encodeQueueCommand(command)));
    assert.ok(decoded.ok);
    assert.deepEqual(decodeQueueCommand(decoded.value), command);
  }
});

Deno.test("the form of commands stays: these bytes are in logs", () => {
  const name = { topic: "t", lane: 1 };
  const home = { topic: "t", lane: 0, lanes: 1, settings: null };
  const settings = { options: { ...DEFAULT_TOPIC_OPTIONS, lanes: 2 }, revision: 8 };
  const fields = [2, 30_000, 16, 300_000, [], false];
  const deliveries = [
    { id: null, receipt: { number: 3, delivery: 4 } },
    { id: "a", receipt: null },
  ];
  const settled = [[3, 4, null, null], [null, "a"]];
  const body = Uint8Array.of(9);
  const items = packItems([item, { id: "a", body, priority: 7, delayMs: 300, ttlMs: 70_000 }]);
  const columns = [
    u32(2, 1),
    [null, "a"],
    Uint8Array.of(0, 7),
    u32(0, 300),
    u32(0, 70_000),
    Uint8Array.of(1, 2, 9),
  ];
  const deliver = { consumer: "w", max: 2, bytesMax: 3, visibilityMs: 400 };
  const forms = [
    encodeQueueCommand({ kind: "publish", ...home, bounds, items }),
    encodeQueueCommand({ kind: "publish", ...home, bounds, items: packItems([item]) }),
    encodeQueueCommand({ kind: "deliver", ...home, ...deliver }),
    encodeQueueCommand({ kind: "deliver", ...name, lanes: 2, settings, ...deliver }),
    encodeQueueCommand({ kind: "acknowledge", ...name, deliveries }),
    encodeQueueCommand({ kind: "acknowledge", ...name, deliveries: deliveries.slice(0, 1) }),
    encodeQueueCommand({ kind: "refuse", ...name, deliveries, delayMs: 5, reason: "r" }),
    encodeQueueCommand({ kind: "handBack", ...name, deliveries }),
    encodeQueueCommand({ kind: "extend", ...name, deliveries, visibilityMs: null }),
    encodeQueueCommand({ kind: "configure", topic: "t", changes: { ...NO_CHANGES, lanes: 2 } }),
    encodeQueueCommand({ kind: "adopt", ...name, settings }),
    encodeQueueCommand({ kind: "requeue", ...name, ids: ["a"], max: 6 }),
    encodeQueueCommand({ kind: "purge", ...name, what: "all", max: 6 }),
  ];
  assert.deepEqual(forms, [
    [1, "t", 0, 1, null, [5, 6, 7], columns],
    [1, "t", 0, 1, null, [5, 6, 7], [u32(2), null, null, null, null, Uint8Array.of(1, 2)]],
    [2, "t", 0, 1, null, "w", 2, 3, 400],
    [2, "t", 1, 2, [...fields, 8], "w", 2, 3, 400],
    [3, "t", 1, ...settled],
    [3, "t", 1, [3, 4], null],
    [4, "t", 1, ...settled, 5, "r"],
    [5, "t", 1, ...settled],
    [6, "t", 1, ...settled, null],
    [7, "t", [2, null, null, null, null, null]],
    [8, "t", 1, [...fields, 8]],
    [9, "t", 1, ["a"], 6],
    [10, "t", 1, 2, 6],
  ]);
});

/** Bodies of commands that are taken, and what of them is not, by place: a path of indexes. */
const REFUSED: readonly [string, readonly unknown[], readonly (readonly [number[], unknown])[]][] =
  [
    [
      "publish",
      [1, "t", 0, 1, null, [5, 6, 7], [
        u32(2, 1),
        [null, "a"],
        Uint8Array.of(0, 9),
        u32(0, LIMITS.queueDelayMaxMs),
        u32(0, LIMITS.queueTtlMaxMs),
        Uint8Array.of(1, 2, 9),
      ]],
      [
        [[0], 99],
        [[1], ""],
        [[1], "é".repeat(nameBytesMax / 2 + 1)],
        [[2], 1],
        [[2], -1],
        [[3], 0],
        [[3], LIMITS.queueLanesMax + 1],
        [[4], [1, 30_000, 16, 300_000, [], false, 1]],
        [[5], null],
        [[5], [5, 6]],
        [[5, 1], -1],
        [[6], null],
        [[6, 0], u32(2, 2)],
        [[6, 0], u32(3)],
        [[6, 0], Uint8Array.of(2, 0, 0, 0, 1)],
        [[6, 0], new Uint8Array()],
        [[6, 0], "sizes"],
        [[6, 1], ["a"]],
        [[6, 1], [null, ""]],
        [[6, 1], [null, "x".repeat(nameBytesMax + 1)]],
        [[6, 1], [null, 7]],
        [[6, 2], Uint8Array.of(0, 10)],
        [[6, 2], Uint8Array.of(0)],
        [[6, 3], u32(0, LIMITS.queueDelayMaxMs + 1)],
        [[6, 3], u32(0)],
        [[6, 4], u32(0, LIMITS.queueTtlMaxMs + 1)],
        [[6, 5], null],
      ],
    ],
    [
      "deliver",
      [2, "t", 1, 2, [2, 100, 0, 0, [5], true, 0], null, queueBatchMax, 0, 100],
      [
        [[4], [3, 100, 0, 0, [5], true, 0]],
        [[4], [2, 100, 0, 0, [5], true]],
        [[4, 1], null],
        [[4, 1], LIMITS.queueVisibilityMinMs - 1],
        [[4, 2], -1],
        [[4, 3], LIMITS.queueDedupWindowMaxMs + 1],
        [[4, 4], [-1]],
        [[4, 4], new Array(LIMITS.queueBackoffsMax + 1).fill(0)],
        [[4, 5], 1],
        [[4, 6], -1],
        [[5], ""],
        [[6], 0],
        [[6], queueBatchMax + 1],
        [[7], -1],
        [[8], LIMITS.queueVisibilityMaxMs + 1],
      ],
    ],
    [
      "acknowledge",
      [3, "t", 0, [1, 2, null, null], [null, "a"]],
      [
        [[2], LIMITS.queueLanesMax],
        [[3], []],
        [[3], [1, 2, null]],
        [[3], [1, null, null, null]],
        [[3], [1, 2, -1, 2]],
        [[3], [1, 2, 0.5, 2]],
        [[4], ["a"]],
        [[4], [null, null]],
        [[4], null],
        [[4], [null, ""]],
        [[3], new Array(2 * queueBatchMax + 2).fill(1)],
      ],
    ],
    [
      "refuse",
      [4, "t", 0, [1, 2], null, LIMITS.queueDelayMaxMs, "r"],
      [
        [[5], -1],
        [[5], LIMITS.queueDelayMaxMs + 1],
        [[6], "x".repeat(LIMITS.queueReasonLengthMax + 1)],
        [[6], undefined],
        [[3], null],
      ],
    ],
    ["handBack", [5, "t", 0, [1, 2], null], [[[3], "1"]]],
    ["extend", [6, "t", 0, [1, 2], null, null], [[[5], 99], [[5], undefined], [[3], []]]],
    [
      "configure",
      [7, "t", [256, null, null, null, null, null]],
      [[[2], null], [[2], [1]], [[2, 0], 257], [[2, 0], 0], [[2, 4], "now"], [[2, 5], undefined]],
    ],
    [
      "adopt",
      [8, "t", 1, [2, 100, 0, 0, [], true, 3]],
      [[[2], 0], [[2], 2], [[3], null], [[3, 6], undefined]],
    ],
    [
      "requeue",
      [9, "t", 0, ["a"], LIMITS.queueSliceMax],
      [[[3], "a"], [[3], [null]], [[4], 0], [[4], LIMITS.queueSliceMax + 1]],
    ],
    [
      "purge",
      [10, "t", 0, 2, 1],
      [[[3], 3], [[3], -1], [[3], "all"], [[4], 0], [[4], LIMITS.queueSliceMax + 1]],
    ],
  ];

for (const [name, good, wrongs] of REFUSED) {
  Deno.test(`${name}: what is out of its bounds is no command`, () => {
    assert.equal(decodeQueueCommand(good)?.kind, name);
    for (const [path, value] of wrongs) {
      const bad = replaced(good, path, value);
      assert.equal(decodeQueueCommand(bad), null, `${path}: ${JSON.stringify(value)}`);
    }
  });
}

Deno.test("what is no command at all is none", () => {
  for (const body of [null, {}, "publish", [], [1], [3, "t"], [1, 2, 3], new Uint8Array(3)]) {
    assert.equal(decodeQueueCommand(body), null);
  }
});

Deno.test("a batch holds so many messages and no more", () => {
  const of = (count: number) => {
    const items = packItems(new Array(count).fill(item));
    const home = { topic: "t", lane: 0, lanes: 1, settings: null };
    return decodeQueueCommand(encodeQueueCommand({ kind: "publish", ...home, bounds, items }));
  };
  assert.notEqual(of(queueBatchMax), null);
  assert.equal(of(queueBatchMax + 1), null);
});

function replaced(list: readonly unknown[], path: readonly number[], value: unknown): unknown[] {
  const [place, ...rest] = path;
  const inside = rest.length === 0
    ? value
    : replaced(list[place!] as readonly unknown[], rest, value);
  return list.with(place!, inside);
}

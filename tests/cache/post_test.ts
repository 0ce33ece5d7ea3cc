import assert from "node:assert/strict";
import { encodeMessage } from "../../src/cache/message_codec.ts";
import { messageBytes } from "../../src/cache/message_size.ts";
import type { CacheMessage, RecallMessage } from "../../src/cache/messages.ts";
import { CACHE_TOPIC, CachePost, type PartitionMessage } from "../../src/cache/post.ts";
import { decode, encode } from "../../src/codec/msgpack.ts";
import { LIMITS } from "../../src/limits.ts";

/** Posts of three peers whose frames a test delivers. A leads partition 1, B partition 2, nobody partition 3. */
class Posts {
  readonly frames: { from: string; to: string; body: unknown }[] = [];
  readonly heard: string[] = [];
  readonly all = new Map<string, CachePost>();

  constructor() {
    for (const self of ["A", "B", "C"]) {
      const post = new CachePost({
        self,
        transport: {
          send: (to, topic, body) => {
            assert.equal(topic, CACHE_TOPIC);
            this.frames.push({ from: self, to, body });
            return true;
          },
        },
        leaderOf: (partition) => [null, "A", "B", null][partition] ?? null,
      });
      const hear = (side: string) => (from: string, message: CacheMessage) => {
        const key = "key" in message ? ` ${message.key}` : "";
        this.heard.push(`${from} → ${side} at ${self}: ${message.kind}${key}`);
      };
      post.begin({ home: hear("home"), lines: hear("lines") });
      this.all.set(self, post);
    }
  }

  of(peer: string): CachePost {
    return this.all.get(peer)!;
  }

  /** Lets the turn end, and brings its frames where they belong. @returns how many there were */
  async deliver(): Promise<number> {
    await Promise.resolve();
    const frames = this.frames.splice(0);
    for (const { from, to, body } of frames) {
      const travelled = decode(encode(body));
      assert.ok(travelled.ok);
      this.of(to).receive(from, travelled.value);
    }
    return frames.length;
  }
}

const grant = { term: 1, counter: 1 };

function dropped(partition: number, key: string): PartitionMessage {
  return { kind: "dropped", partition, term: 1, key, grant };
}

function recall(key: string): RecallMessage {
  return { kind: "recall", partition: 1, term: 1, key, grant, to: "I" };
}

Deno.test("messages of one turn to one peer travel in one frame, in order, whatever side they are for", async () => {
  const posts = new Posts();
  const post = posts.of("C");
  post.toHome(dropped(1, "a"));
  post.toHome(dropped(2, "b"));
  post.toPeer("A", recall("c"));
  post.renew("A", { kind: "renew", serial: 1, leases: [] });
  assert.deepEqual(posts.frames, []);
  assert.equal(await posts.deliver(), 2);
  assert.deepEqual(posts.heard, [
    "C → home at A: dropped a",
    "C → lines at A: recall c",
    "C → home at A: renew",
    "C → home at B: dropped b",
  ]);
  assert.equal(post.sent, 4);
  assert.equal(posts.of("A").received, 3);
});

Deno.test("a message for a partition without a known leader goes nowhere", async () => {
  const posts = new Posts();
  posts.of("A").toHome(dropped(3, "a"));
  assert.equal(await posts.deliver(), 0);
  assert.equal(posts.of("A").sent, 0);
});

Deno.test("a message goes to whoever spoke as the home, and not to whoever seems to lead", async () => {
  const posts = new Posts();
  posts.of("A").toHome(dropped(2, "a"), "C");
  posts.of("A").toHome(dropped(3, "b"), "C");
  assert.equal(await posts.deliver(), 1);
  assert.deepEqual(posts.heard, ["A → home at C: dropped a", "A → home at C: dropped b"]);
});

Deno.test("messages to oneself arrive at once and in order, never while another one is delivered", async () => {
  const posts = new Posts();
  const post = posts.of("A");
  const order: string[] = [];
  post.begin({
    home(_from, message) {
      assert.equal(message.kind, "dropped");
      const { key } = message as PartitionMessage & { key: string };
      order.push(`begin ${key}`);
      if (key === "a") {
        post.toPeer("A", recall("from a"));
        post.toHome(dropped(1, "b"));
      }
      order.push(`end ${key}`);
    },
    lines(_from, message) {
      order.push((message as RecallMessage).key);
      if (order.length < 5) post.toPeer("A", recall("again"));
    },
  });
  post.toHome(dropped(1, "a"));
  const expected = ["begin a", "end a", "from a", "begin b", "end b", "again"];
  assert.deepEqual(order, expected);
  order.length = 0;
  posts.of("C").toHome(dropped(1, "a"));
  posts.of("C").toHome(dropped(1, "z"));
  await posts.deliver();
  assert.deepEqual(order, [...expected, "begin z", "end z"]);
  assert.equal(post.sent, 0);
});

Deno.test("a receiver that throws holds nothing up for ever", () => {
  const posts = new Posts();
  const post = posts.of("A");
  const keys: string[] = [];
  post.begin({
    home(_from, message) {
      const { key } = message as PartitionMessage & { key: string };
      if (key === "bug") throw new Error("a bug");
      keys.push(key);
    },
    lines() {},
  });
  assert.throws(() => post.toHome(dropped(1, "bug")), /a bug/);
  post.toHome(dropped(1, "a"));
  assert.deepEqual(keys, ["a"]);
});

Deno.test("large messages are divided over frames that each fit", async () => {
  const posts = new Posts();
  const post = posts.of("C");
  const value = new Uint8Array(LIMITS.bodyBytesMax);
  for (let count = 0; count < 5; count++) {
    const version = { ...grant, write: count + 1 };
    const content = { version, value, expiresMs: null };
    const key = `k${count}`;
    const addressed = { partition: 1, term: 1, key, session: 1, grant };
    post.toHome({ kind: "writeBack", ...addressed, keeps: "owned", content });
  }
  for (let count = 0; count < 40_000; count++) post.toPeer("A", recall(`${count}`));
  await Promise.resolve();
  const sizes = posts.frames.map(({ body }) => encode(body).length);
  assert.ok(sizes.every((bytes) => bytes < 4 * 1024 * 1024), `frames of ${sizes} bytes`);
  assert.ok(sizes.length >= 6 && sizes.length < 30, `${sizes.length} frames`);
  await posts.deliver();
  assert.equal(posts.heard.length, 40_005);
  assert.equal(posts.heard.at(-1), "C → lines at A: recall 39999");
});

Deno.test("what is malformed is counted, and the rest of its frame is heard", () => {
  const posts = new Posts();
  const post = posts.of("A");
  post.receive("B", [[99], null, [6, 1, 1, "a", [1, 1]]]);
  post.receive("B", "nothing");
  assert.equal(post.malformed, 3);
  assert.deepEqual(posts.heard, ["B → home at A: dropped a"]);
});

Deno.test("after its end a post sends what was given before, and takes nothing more", async () => {
  const posts = new Posts();
  const post = posts.of("C");
  post.toHome(dropped(1, "a"));
  post.close();
  post.toHome(dropped(1, "b"));
  assert.equal(await posts.deliver(), 1);
  assert.deepEqual(posts.heard, ["C → home at A: dropped a"]);
  posts.of("A").toHome(dropped(1, "c"));
  post.receive("A", [[6, 1, 1, "a", [1, 1]]]);
  assert.equal(posts.heard.length, 2);
});

Deno.test("no message is larger than its size says", () => {
  const long = "ж".repeat(512);
  const most = { term: Number.MAX_SAFE_INTEGER, counter: Number.MAX_SAFE_INTEGER };
  const version = { ...most, write: Number.MAX_SAFE_INTEGER };
  const content = { version, value: new Uint8Array(70_000), expiresMs: Number.MAX_SAFE_INTEGER };
  const at = { partition: 4_095, term: Number.MAX_SAFE_INTEGER };
  const serial = Number.MAX_SAFE_INTEGER;
  const line = { kind: "owed", grant: most, version, hasCopy: true } as const;
  const refused = { kind: "refused", ...at, key: long, grant: most, version } as const;
  const messages: CacheMessage[] = [
    { kind: "report", ...at, serial, lines: Array(50).fill({ key: long, line }) },
    { kind: "renew", serial, leases: Array(50).fill({ ...at, session: serial }) },
    {
      kind: "leased",
      ...at,
      serial,
      session: serial,
      isRebuilt: true,
      timeMs: serial,
      outcomes: Array(50).fill(refused),
    },
    {
      kind: "renewed",
      ...at,
      serial,
      session: serial,
      isLeased: true,
      isRebuilt: true,
      timeMs: serial,
    },
    { kind: "ask", ...at, key: long, session: serial, request: serial, wish: "owned", holds: most },
    { kind: "acknowledge", ...at, key: long, grant: most, kept: true, held: true, dirty: content },
    { kind: "writeBack", ...at, key: long, session: serial, grant: most, keeps: "owned", content },
    { kind: "granted", ...at, key: long, request: serial, grant: most, state: "E", content },
    { kind: "denied", ...at, key: long, request: serial, error: null },
    { kind: "dropped", ...at, key: long, grant: most },
    { kind: "confirmed", ...at, key: long, grant: most, version },
    refused,
    { kind: "recall", ...at, key: long, grant: most, to: "S" },
  ];
  for (const message of messages) {
    const bytes = encode(encodeMessage(message)).length;
    assert.ok(bytes <= messageBytes(message), `${message.kind}: ${bytes} bytes`);
  }
});

import assert from "node:assert/strict";
import { packPublished } from "../../src/queue/item_packing.ts";
import { packItems } from "../../src/queue/published_items.ts";
import { encodeBody } from "../../src/queue/stored_body.ts";
import { Random } from "../../src/random.ts";
import type { PublishItem } from "../../src/queue/queue.ts";

Deno.test("packs as if each body had been encoded and then packed", () => {
  const random = new Random(7);
  for (let round = 0; round < 300; round++) {
    const plain = random.chance(0.3);
    const items = Array.from({ length: random.integer(1, 8) }, (): PublishItem => ({
      id: plain || random.chance(0.5) ? null : random.pick(["a", "größe"]),
      key: plain || random.chance(0.5) ? null : random.pick(["k", "schlüssel", "x".repeat(300)]),
      data: Uint8Array.from({ length: random.integer(0, 40) }, () => random.integer(0, 255)),
      priority: plain ? 0 : random.integer(0, 9),
      delayMs: plain || random.chance(0.5) ? 0 : random.integer(1, 5_000),
      ttlMs: plain || random.chance(0.5) ? null : random.integer(1, 5_000),
    }));
    const expected = packItems(items.map(({ key, data, ...rest }) => {
      return { ...rest, body: encodeBody({ key, data }) };
    }));
    assert.deepEqual(packPublished(items), expected);
  }
});

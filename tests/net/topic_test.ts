/** The topic under which the peers of a cluster key meet. */
import assert from "node:assert/strict";
import { deriveProofKey } from "../../src/net/proof.ts";
import { deriveTopic } from "../../src/net/topic.ts";

const KEY = new TextEncoder().encode("a cluster key for tests");

Deno.test("the topic is the same wherever the key is, and another for another key", () => {
  assert.equal(
    deriveTopic(KEY).toHex(),
    "0a6d5fafe6c286652a84387a5d4884b2466254543218b4646d0dd336ae1946b0",
    "peers of all versions meet under it",
  );
  assert.notDeepEqual(deriveTopic(KEY), deriveTopic(KEY.subarray(1)));
});

Deno.test("the topic is neither the key nor what the key is proven with", () => {
  assert.notDeepEqual(deriveTopic(KEY), deriveProofKey(KEY));
  assert.throws(() => deriveTopic(KEY.subarray(0, 15)), RangeError);
});

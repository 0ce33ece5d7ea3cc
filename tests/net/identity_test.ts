/** Identities, signatures, and the proof of the cluster key. */
import assert from "node:assert/strict";
import { createIdentity, restoreIdentity, sign, verify } from "../../src/net/identity.ts";
import { computeProof, deriveProofKey, isProof } from "../../src/net/proof.ts";

const MESSAGE = new TextEncoder().encode("what is signed");

Deno.test("a signature is verified for its signer and its bytes alone", () => {
  const [signer, other] = [createIdentity(), createIdentity()];
  const signature = sign(signer, MESSAGE);
  assert.equal(signature.length, 64);
  assert(verify(signer.id, MESSAGE, signature));
  assert(!verify(other.id, MESSAGE, signature));
  assert(!verify(signer.id, MESSAGE.subarray(1), signature));
  for (const at of [0, 31, 63]) {
    const damaged = signature.slice();
    damaged[at]! ^= 1;
    assert(!verify(signer.id, MESSAGE, damaged));
  }
});

Deno.test("what is no id or no signature is not verified, and nothing is thrown", () => {
  const signer = createIdentity();
  const signature = sign(signer, MESSAGE);
  for (const id of ["", "x".repeat(64), signer.id.toUpperCase(), signer.id.slice(2)]) {
    assert(!verify(id, MESSAGE, signature));
  }
  for (const length of [0, 63, 65]) assert(!verify(signer.id, MESSAGE, new Uint8Array(length)));
});

Deno.test("identities differ, one of a seed does not, and one is restored from its secret key", () => {
  assert.notEqual(createIdentity().id, createIdentity().id);
  const seed = new Uint8Array(32).fill(5);
  const identity = createIdentity(seed);
  assert.equal(identity.id, createIdentity(seed).id);
  assert.match(identity.id, /^[0-9a-f]{64}$/);
  assert.equal(restoreIdentity(identity.secretKey)?.id, identity.id);
  assert.equal(restoreIdentity(identity.secretKey.subarray(1)), null);
  const damaged = Uint8Array.from(identity.secretKey);
  damaged[63]! ^= 1;
  assert.equal(restoreIdentity(damaged), null);
});

Deno.test("a proof holds for its key, connection, role, prover and claims alone", () => {
  const key = deriveProofKey(new Uint8Array(16).fill(1));
  const context = {
    handshakeHash: new Uint8Array(64).fill(2),
    role: "initiator",
    publicKey: new Uint8Array(32).fill(3),
    claims: Uint8Array.of(4),
  } as const;
  const proof = computeProof(key, context);
  assert(isProof(key, context, proof));
  assert(!isProof(deriveProofKey(new Uint8Array(17).fill(1)), context, proof));
  assert(!isProof(key, { ...context, handshakeHash: new Uint8Array(64) }, proof));
  assert(!isProof(key, { ...context, role: "responder" }, proof));
  assert(!isProof(key, { ...context, publicKey: new Uint8Array(32) }, proof));
  assert(!isProof(key, { ...context, claims: Uint8Array.of(5) }, proof));
  assert(!isProof(key, context, proof.subarray(1)));
});

Deno.test("a cluster key has 16 to 256 bytes", () => {
  for (const length of [16, 64, 65, 256]) deriveProofKey(new Uint8Array(length));
  for (const length of [0, 15, 257]) {
    assert.throws(() => deriveProofKey(new Uint8Array(length)), RangeError);
  }
});

/**
 * The proof that a peer knows the cluster key, without showing it: a keyed BLAKE2b over the Noise
 * handshake's hash, the prover's role and public key, and all that the proof's message claims. The hash
 * is new for every connection and differs on both sides of a relay, so a proof cannot be replayed, passed
 * on, or sent back to where it came from.
 */
import { Buffer } from "node:buffer";
import { encode } from "../codec/msgpack.ts";
import { sodium } from "./sodium.ts";

const KEY_BYTES = 32;
export const PROOF_BYTES = 32;
const KEY_LABEL = Buffer.from("skein: cluster key, version 1");

export const CLUSTER_KEY_BYTES_MIN = 16;
export const CLUSTER_KEY_BYTES_MAX = 256;

/** @param clusterKey 16 to 256 bytes, as the operator gave them; hashed so that any bytes are a key */
export function deriveProofKey(clusterKey: Uint8Array): Uint8Array {
  if (clusterKey.length < CLUSTER_KEY_BYTES_MIN || clusterKey.length > CLUSTER_KEY_BYTES_MAX) {
    throw new RangeError(`a cluster key has 16 to 256 bytes, not ${clusterKey.length}`);
  }
  const key = Buffer.alloc(KEY_BYTES);
  sodium.crypto_generichash(key, Buffer.from(clusterKey), KEY_LABEL);
  return key;
}

export interface ProofContext {
  readonly handshakeHash: Uint8Array;
  readonly role: "initiator" | "responder";
  /** The prover's. */
  readonly publicKey: Uint8Array;
  /** What else the proof's message says, as its bytes, so that nothing of it can be changed. */
  readonly claims: Uint8Array;
}

export function computeProof(proofKey: Uint8Array, context: ProofContext): Uint8Array {
  const { handshakeHash, role, publicKey, claims } = context;
  const proof = Buffer.alloc(PROOF_BYTES);
  const message = Buffer.from(encode([role, handshakeHash, publicKey, claims]));
  sodium.crypto_generichash(proof, message, Buffer.from(proofKey));
  return proof;
}

/** In constant time, so that a wrong proof does not say how wrong it is. */
export function isProof(
  proofKey: Uint8Array,
  context: ProofContext,
  candidate: Uint8Array,
): boolean {
  if (candidate.length !== PROOF_BYTES) return false;
  return sodium.sodium_memcmp(
    Buffer.from(computeProof(proofKey, context)),
    Buffer.from(candidate),
  );
}

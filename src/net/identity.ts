/**
 * Who a peer is: an ed25519 key pair. The public key in hex is the peer's id everywhere; the same pair
 * authenticates connections (Noise) and signs what must be believed at third hand, such as the commit
 * of a formation plan. Keeping the secret key is the storage's business.
 */
import { Buffer } from "node:buffer";
import type { PeerId } from "../raft/entry.ts";
import { sodium } from "./sodium.ts";

export interface Identity {
  /** The public key in 64 hex digits. */
  readonly id: PeerId;
  readonly publicKey: Uint8Array;
  /** 64 bytes: seed and public key, as libsodium lays them out. */
  readonly secretKey: Uint8Array;
}

const PEER_ID = /^[0-9a-f]{64}$/;

/** @param seed 32 bytes for an identity that tests can foresee; without it, a random one */
export function createIdentity(seed?: Uint8Array): Identity {
  const publicKey = Buffer.alloc(sodium.crypto_sign_PUBLICKEYBYTES);
  const secretKey = Buffer.alloc(sodium.crypto_sign_SECRETKEYBYTES);
  if (seed === undefined) sodium.crypto_sign_keypair(publicKey, secretKey);
  else sodium.crypto_sign_seed_keypair(publicKey, secretKey, Buffer.from(seed));
  return { id: peerIdOf(publicKey), publicKey, secretKey };
}

/** @returns the identity of a stored secret key, or null where the bytes are no such key */
export function restoreIdentity(secretKey: Uint8Array): Identity | null {
  if (secretKey.length !== sodium.crypto_sign_SECRETKEYBYTES) return null;
  const identity = createIdentity(secretKey.subarray(0, sodium.crypto_sign_SEEDBYTES));
  return Buffer.compare(identity.secretKey, secretKey) === 0 ? identity : null;
}

export function peerIdOf(publicKey: Uint8Array): PeerId {
  return Buffer.from(publicKey.buffer, publicKey.byteOffset, publicKey.byteLength).toString("hex");
}

/** @returns a signature of 64 bytes */
export function sign(identity: Identity, bytes: Uint8Array): Uint8Array {
  const signature = Buffer.alloc(sodium.crypto_sign_BYTES);
  sodium.crypto_sign_detached(signature, Buffer.from(bytes), Buffer.from(identity.secretKey));
  return signature;
}

/** @returns whether the peer of this id signed the bytes; false as well for what is no id or signature */
export function verify(id: PeerId, bytes: Uint8Array, signature: Uint8Array): boolean {
  if (!PEER_ID.test(id) || signature.length !== sodium.crypto_sign_BYTES) return false;
  return sodium.crypto_sign_verify_detached(
    Buffer.from(signature),
    Buffer.from(bytes),
    Buffer.from(id, "hex"),
  );
}

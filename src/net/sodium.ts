/**
 * The four functions of libsodium that this program calls itself, typed here because sodium-native ships no
 * types. All other cryptography is inside the secret stream. Buffers are the caller's, as in C.
 */
import sodiumNative from "sodium-native";

interface Sodium {
  readonly crypto_sign_PUBLICKEYBYTES: number;
  readonly crypto_sign_SECRETKEYBYTES: number;
  readonly crypto_sign_SEEDBYTES: number;
  readonly crypto_sign_BYTES: number;
  crypto_sign_keypair(publicKey: Uint8Array, secretKey: Uint8Array): void;
  crypto_sign_seed_keypair(publicKey: Uint8Array, secretKey: Uint8Array, seed: Uint8Array): void;
  crypto_sign_detached(signature: Uint8Array, message: Uint8Array, secretKey: Uint8Array): void;
  crypto_sign_verify_detached(
    signature: Uint8Array,
    message: Uint8Array,
    publicKey: Uint8Array,
  ): boolean;
  /** BLAKE2b; keyed where a key of 16 to 64 bytes is given. */
  crypto_generichash(digest: Uint8Array, message: Uint8Array, key?: Uint8Array): void;
  /** In constant time; both of equal length. */
  sodium_memcmp(left: Uint8Array, right: Uint8Array): boolean;
  randombytes_buf(target: Uint8Array): void;
}

export const sodium = sodiumNative as unknown as Sodium;

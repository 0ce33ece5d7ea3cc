/**
 * The part of @hyperswarm/secret-stream that we use, typed here because the package ships no types: a
 * Noise XX handshake over a raw byte stream, then whole messages of up to 16 MiB, encrypted and
 * authenticated. Swarm connections are the same class, so connections know no more than this.
 */
import NoiseSecretStream from "@hyperswarm/secret-stream";
import type { Identity } from "./identity.ts";

/** What the secret stream needs of the bytes below it. */
export interface RawStream {
  on(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "end" | "drain" | "close", listener: () => void): unknown;
  write(bytes: Uint8Array): boolean;
  end(): void;
  pause(): void;
  resume(): void;
  destroy(error?: Error | null): void;
}

export interface SecretStream {
  readonly isInitiator: boolean;
  /** The Noise handshake is done: it has happened, or `connect` tells. */
  readonly connected: boolean;
  /** What it runs on; null before it was started. */
  readonly rawStream: RawStream | null;
  /** Null until the Noise handshake is done. */
  readonly remotePublicKey: Uint8Array | null;
  readonly handshakeHash: Uint8Array | null;
  readonly destroyed: boolean;
  on(event: "data", listener: (message: Uint8Array) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "connect" | "end" | "drain" | "close", listener: () => void): unknown;
  off(event: "data", listener: (message: Uint8Array) => void): unknown;
  /** Room for a message that `write` then encrypts in place, without a copy. */
  alloc(length: number): Uint8Array;
  /** @returns false when the caller should wait for `drain` */
  write(message: Uint8Array): boolean;
  end(): void;
  destroy(error?: Error | null): void;
}

type SecretStreamClass = new (
  isInitiator: boolean,
  rawStream: RawStream,
  options: { keyPair: { publicKey: Uint8Array; secretKey: Uint8Array }; enableSend: boolean },
) => SecretStream;

/** @param identity whose keys prove this end; the other end's arrive with `connect` */
export function openSecretStream(
  isInitiator: boolean,
  rawStream: RawStream,
  identity: Identity,
): SecretStream {
  const Constructor = NoiseSecretStream as unknown as SecretStreamClass;
  const { publicKey, secretKey } = identity;
  return new Constructor(isInitiator, rawStream, {
    keyPair: { publicKey, secretKey },
    enableSend: false,
  });
}

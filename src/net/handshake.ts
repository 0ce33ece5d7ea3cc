/**
 * From a line to an authenticated connection. Noise proves both identities and encrypts (XX on TCP; on a stream of the
 * swarm it is done already, IK); then the initiator proves the cluster key, the responder checks that and only then proves it in turn, so that
 * a stranger who connects learns nothing that he could try keys against. Each proof carries its side's
 * protocol versions, features, process instance, and whether it already has a connection to the other.
 *
 * A handshake settles exactly once. A refused one closes its stream; the last word of a responder may
 * still be on its way then, so whoever opened the socket sees to its end. What it does not do: deadlines
 * (see `abort`), and deciding which of several connections to one peer stays (`pairing.ts`).
 */
import { Buffer } from "node:buffer";
import type { PeerId } from "../raft/entry.ts";
import { LIMITS } from "../limits.ts";
import { decode, encode } from "../codec/msgpack.ts";
import type { Gate } from "./gate.ts";
import { type Identity, peerIdOf } from "./identity.ts";
import type { Line } from "./line.ts";
import { computeProof, isProof } from "./proof.ts";
import type { SecretStream } from "./secret_stream.ts";
import type { RefusalReason } from "./statistics.ts";

export interface HandshakeOptions {
  readonly identity: Identity;
  /** From `deriveProofKey`. */
  readonly proofKey: Uint8Array;
  /** 16 random bytes, new at every start of the process. */
  readonly instance: Uint8Array;
  readonly versionNewest: number;
  readonly versionOldest: number;
  readonly features: readonly string[];
  /** Whether this peer has a connection in use to that one. */
  readonly isConnected: (peer: PeerId) => boolean;
}

/** The other side of a connection that proved to be a peer of this cluster. */
export interface Authenticated {
  readonly peer: PeerId;
  readonly instance: string;
  readonly line: Line;
  readonly isInitiator: boolean;
  /** The other side says that it already has a connection to this peer in use. */
  readonly remoteIsConnected: boolean;
  readonly version: number;
  readonly features: readonly string[];
  readonly stream: SecretStream;
  /** Lets pass what arrives behind the handshake; to be called once the stream has its reader. */
  readonly open: () => void;
}

export interface HandshakeListener {
  /** Noise is done: the other side has this identity, but may yet lack the cluster key. */
  identified(peer: PeerId): void;
  authenticated(result: Authenticated): void;
  /** @param byRemote the other side told so: a hint, for it may be anybody */
  refused(reason: RefusalReason, detail: string, byRemote: boolean): void;
}

const MAGIC = "skein";
const MAGIC_REFUSED = "skein-refused";
const FEATURES_MAX = 32;

interface Claims {
  readonly versionNewest: number;
  readonly versionOldest: number;
  readonly features: readonly string[];
  readonly instance: Uint8Array;
  readonly isConnected: boolean;
}

export class Handshake {
  readonly #options: HandshakeOptions;
  readonly #listener: HandshakeListener;
  readonly #line: Line;
  readonly #isInitiator: boolean;
  readonly #gate: Gate;
  readonly #stream: SecretStream;
  readonly #onData = (message: Uint8Array) => this.#receive(message);
  #peer: PeerId | null = null;
  #settled = false;

  /** @param line open, and not secured yet */
  constructor(line: Line, options: HandshakeOptions, listener: HandshakeListener) {
    this.#options = options;
    this.#listener = listener;
    this.#line = line;
    this.#isInitiator = line.isInitiator;
    const { stream, gate } = line.secure(options.identity);
    this.#stream = stream;
    this.#gate = gate;
    gate.oversized = () =>
      this.abort("size", `more than ${LIMITS.handshakeBytesMax} bytes before a proof`);
    if (stream.connected) this.#identified();
    else this.#stream.on("connect", () => this.#identified());
    this.#stream.on("data", this.#onData);
    this.#stream.on("end", () => this.abort("aborted", "it ended before it was trusted"));
    this.#stream.on("error", (error) => this.abort(reasonOf(error), error.message));
    this.#stream.on("close", () => this.abort("aborted", "it closed before it was trusted"));
  }

  /** Known once Noise is done. */
  get peer(): PeerId | null {
    return this.#peer;
  }

  /** Ends it, unless it has settled already. */
  abort(reason: RefusalReason, detail: string): void {
    this.#refuse(reason, detail, false);
  }

  #identified(): void {
    if (this.#settled) return;
    this.#peer = peerIdOf(this.#stream.remotePublicKey!);
    this.#listener.identified(this.#peer);
    if (this.#isInitiator && !this.#settled) this.#sendProof(this.#peer);
  }

  #sendProof(peer: PeerId): void {
    const { identity, instance, versionNewest, versionOldest, features } = this.#options;
    const isConnected = this.#options.isConnected(peer);
    const claims = encode([versionNewest, versionOldest, features, instance, isConnected]);
    const proof = computeProof(this.#options.proofKey, {
      handshakeHash: this.#stream.handshakeHash!,
      role: this.#isInitiator ? "initiator" : "responder",
      publicKey: identity.publicKey,
      claims,
    });
    this.#stream.write(encode([MAGIC, proof, claims]));
  }

  #receive(message: Uint8Array): void {
    if (this.#settled) return;
    const decoded = decode(message);
    const parts = decoded.ok && Array.isArray(decoded.value) ? decoded.value : [];
    const [magic, proof, claimBytes] = parts;
    if (magic === MAGIC_REFUSED && this.#isInitiator) {
      this.#refuse(parseReason(proof), "the other side refuses this peer", true);
      return;
    }
    const claims = claimBytes instanceof Uint8Array ? parseClaims(claimBytes) : null;
    if (magic !== MAGIC || !(proof instanceof Uint8Array) || claims === null) {
      this.#refuse("garbage", "what it sent is no proof", false);
      return;
    }
    const version = this.#commonVersion(claims);
    if (version === null) {
      const spoken = `${claims.versionOldest} to ${claims.versionNewest}`;
      this.#tellAndRefuse("version", `it speaks protocol versions ${spoken}`);
      return;
    }
    if (!this.#isProven(proof, claimBytes)) {
      this.#tellAndRefuse("key", "it has another cluster key");
      return;
    }
    const instance = Buffer.from(claims.instance).toString("hex");
    if (this.#peer === this.#options.identity.id) {
      const isSelf = instance === Buffer.from(this.#options.instance).toString("hex");
      if (isSelf) this.#tellAndRefuse("self", "it is this peer itself");
      else this.#tellAndRefuse("identity", "another process has this peer's identity");
      return;
    }
    if (!this.#isInitiator) this.#sendProof(this.#peer!);
    this.#succeed(claims, instance, version);
  }

  #succeed(claims: Claims, instance: string, version: number): void {
    this.#settled = true;
    this.#stream.off("data", this.#onData);
    const spoken = new Set(this.#options.features);
    this.#listener.authenticated({
      peer: this.#peer!,
      instance,
      line: this.#line,
      isInitiator: this.#isInitiator,
      remoteIsConnected: claims.isConnected,
      version,
      features: claims.features.filter((feature) => spoken.has(feature)),
      stream: this.#stream,
      open: () => this.#gate.open(),
    });
  }

  #isProven(proof: Uint8Array, claims: Uint8Array): boolean {
    return isProof(this.#options.proofKey, {
      handshakeHash: this.#stream.handshakeHash!,
      role: this.#isInitiator ? "responder" : "initiator",
      publicKey: this.#stream.remotePublicKey!,
      claims,
    }, proof);
  }

  #commonVersion(claims: Claims): number | null {
    const version = Math.min(this.#options.versionNewest, claims.versionNewest);
    const oldest = Math.max(this.#options.versionOldest, claims.versionOldest);
    return version >= oldest ? version : null;
  }

  /** The responder says why before it hangs up, so that the other operator's log can tell. */
  #tellAndRefuse(reason: RefusalReason, detail: string): void {
    this.#settled = true;
    if (this.#isInitiator) {
      this.#stream.destroy();
    } else {
      this.#stream.write(encode([MAGIC_REFUSED, reason]));
      this.#stream.end();
    }
    this.#listener.refused(reason, detail, false);
  }

  #refuse(reason: RefusalReason, detail: string, byRemote: boolean): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#stream.destroy();
    this.#listener.refused(reason, detail, byRemote);
  }
}

/** Noise and the secret stream throw for what does not decrypt; the socket's errors have a code. */
function reasonOf(error: Error): RefusalReason {
  return "code" in error ? "aborted" : "garbage";
}

function parseReason(value: unknown): RefusalReason {
  switch (value) {
    case "key":
    case "version":
    case "self":
    case "identity":
      return value;
    default:
      return "aborted";
  }
}

function parseClaims(bytes: Uint8Array): Claims | null {
  const decoded = decode(bytes);
  if (!decoded.ok || !Array.isArray(decoded.value)) return null;
  const [versionNewest, versionOldest, features, instance, isConnected] = decoded.value;
  if (!Number.isSafeInteger(versionNewest) || !Number.isSafeInteger(versionOldest)) return null;
  if (!Array.isArray(features) || features.length > FEATURES_MAX) return null;
  if (!features.every((feature) => typeof feature === "string")) return null;
  if (!(instance instanceof Uint8Array) || instance.length !== 16) return null;
  if (typeof isConnected !== "boolean") return null;
  return { versionNewest, versionOldest, features, instance, isConnected };
}

/**
 * Where the simulator meets the production code: a whole peer, but for sockets, disks, clocks and real
 * signatures, in the terms that the rest of the simulator uses.
 */
import { createHash } from "node:crypto";
import type { Clock } from "../../src/clock.ts";
import type { Logger } from "../../src/logger.ts";
import type { Signer } from "../../src/members/plan.ts";
import type { Hello, Transport } from "../../src/net/transport.ts";
import { PeerCore } from "../../src/peer/core.ts";
import type { OpenedStorage } from "../../src/peer/edges.ts";
import type { PeerId } from "../../src/raft/entry.ts";
import type { Random } from "../../src/random.ts";
import type { Storage } from "../../src/storage/storage.ts";

export interface ProcessEdges {
  readonly self: PeerId;
  readonly hello: Hello;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly timing: SimulatedTiming;
  /** A new instance over the same disk. */
  openStorage(): Storage;
  /** A bug was found inside: the process would stop. */
  fatal(error: unknown): void;
}

export const CACHE_FLUSH_INTERVAL_MS = 100;

/** What the seed decides of a cluster's configuration. */
export interface SimulatedTiming {
  readonly electionTimeoutMinMs: number;
  readonly electionTimeoutMaxMs: number;
  readonly heartbeatMs: number;
  readonly snapshotEntries: number;
  readonly snapshotBytes: number;
  readonly deadPeerGraceMs: number;
  readonly systemVoters: number;
  readonly partitions: number;
  readonly replicas: number;
  /** Lines of the cache at one peer. */
  readonly cacheEntries: number;
  /** Largest size of a value file. */
  readonly valueFileBytes: number;
}

/** @returns the running peer; rejects as opening the storage does */
export async function startCore(edges: ProcessEdges): Promise<PeerCore> {
  const { self, hello, transport, clock, random, logger, timing } = edges;
  const reopen = () => openStorage(edges);
  const core = new PeerCore({
    self,
    signer: signerOf(self),
    name: hello.name,
    version: hello.version,
    zone: hello.zone,
    httpUrl: hello.httpUrl,
    addresses: hello.addresses,
    expect: hello.expect,
    parameters: {
      partitions: timing.partitions,
      replicas: timing.replicas,
      systemVoters: timing.systemVoters,
    },
    timing,
    deadPeerGraceMs: timing.deadPeerGraceMs,
    queueBounds: { messagesMax: 100_000, bytesMax: 1e8, dedupMax: 100_000 },
    eventBounds: {
      identitiesMax: 1_000_000,
      retention: { ageMs: null, count: null, bytes: null, forgetAfterMs: null },
    },
    cacheBounds: { entriesMax: timing.cacheEntries, bytesMax: 1e8 },
    cacheFlushIntervalMs: CACHE_FLUSH_INTERVAL_MS,
    reopen,
    transport,
    transportStatistics: () => ({
      connections: 0,
      bytesSent: 0,
      bytesReceived: 0,
      messagesDropped: 0,
      framesMalformed: 0,
      handshakesRefused: {},
      links: [],
    }),
    clock,
    random,
    logger,
    stopping() {},
    makeBootId: () => hex(random, 16),
    makeClusterId: () => hex(random, 16),
    fatal: edges.fatal,
  }, await reopen());
  await core.start();
  return core;
}

async function openStorage({ self, random, openStorage }: ProcessEdges): Promise<OpenedStorage> {
  const storage = openStorage();
  const recovered = await storage.open();
  if (recovered.identity !== null) return { storage, recovered };
  const identity = { storeId: hex(random, 16), publicKey: self, secretKey: "" };
  await storage.create(identity);
  return { storage, recovered: { ...recovered, identity } };
}

/** Nobody forges anything here: a signature is a digest over the signer too, as long as ed25519 has it. */
function signerOf(self: PeerId): Signer {
  const digest = (signer: PeerId, bytes: Uint8Array) =>
    new Uint8Array(createHash("sha512").update(signer).update(bytes).digest());
  return {
    sign: (bytes) => digest(self, bytes),
    verify: (signer, bytes, signature) =>
      digest(signer, bytes).every((byte, place) => byte === signature[place]),
  };
}

/** @returns random hex digits for `bytes` bytes */
export function hex(random: Random, bytes: number): string {
  let digits = "";
  for (let place = 0; place < bytes; place++) {
    digits += random.integer(0, 255).toString(16).padStart(2, "0");
  }
  return digits;
}

/** @returns the state of a group's machine, as text that can be compared; null where there is none */
export function stateOf(core: PeerCore, group: number): string | null {
  const machine = core.generation.host.group(group)?.machine;
  if (machine === undefined) return null;
  const hash = createHash("sha256");
  const chunks = machine.snapshot();
  for (let chunk = chunks.next(); chunk.done !== true; chunk = chunks.next()) {
    hash.update(chunk.value);
  }
  return hash.digest("hex");
}

/**
 * From a configuration to a running peer: builds the real clock, disk, sockets and logger, and hands them to
 * `PeerCore`. The only place, beside the command line, that knows the real world.
 */
import { formatAddress } from "../codec/address.ts";
import type { Config } from "../config/mod.ts";
import type { Logger } from "../logger.ts";
import { createIdentity, type Identity, restoreIdentity, sign, verify } from "../net/identity.ts";
import { TcpTransport, type TcpTransportOptions } from "../net/tcp_transport.ts";
import type { Hello } from "../net/transport.ts";
import { Random } from "../random.ts";
import { type Storage, StorageForeignError } from "../storage/storage.ts";
import { VERSION } from "../version.ts";
import { cacheFrontOf } from "./cache_front_of.ts";
import { PeerCore } from "./core.ts";
import type { OpenedStorage } from "./edges.ts";
import { loggingOptions, openLog } from "./logging.ts";
import type { Peer } from "./peer.ts";
import { PeerList } from "./peer_list.ts";
import { makePeerSwarm } from "./peer_swarm.ts";
import { REAL_CLOCK } from "./real_clock.ts";
import { storageOf } from "./storage_of.ts";

/** What embedding programs and tests may put in the place of the real thing. */
export interface StartOverrides {
  readonly logger?: Logger;
  readonly storage?: () => Storage;
  /** Called for a bug or for damage that nothing can mend; by default it is thrown, uncaught. */
  readonly fatal?: (error: unknown) => void;
}

/**
 * Starts one peer in this process. Resolves when it listens and has brought back what it stored; that a
 * leader is known is what `ready()` says.
 * @throws {StorageCorruptError | StorageForeignError | StorageInUseError | StorageRolledBackError} for what is stored
 * @throws {StorageFailedError} where it cannot be reached
 * @throws {Error} when the log's file cannot be opened, or the peer port not be listened on
 */
export async function startPeer(config: Config, overrides: StartOverrides = {}): Promise<Peer> {
  const logger = overrides.logger ?? openLog(loggingOptions(config)).logger;
  for (const warning of config.warnings) logger.log("warn", warning);
  const makeStorage = overrides.storage ?? await storageOf(config, logger);
  const opened = await openStorage(makeStorage);
  const identity = identityOf(opened);
  const clusterKey = clusterKeyOf(config);
  const transport = makeTransport({
    config,
    identity,
    clusterKey,
    logger,
    closed: async () => await swarm?.close(),
  });
  const list: PeerList = new PeerList({
    config,
    transport,
    clock: REAL_CLOCK,
    logger,
    expectChanged: ({ count }) => core.changeExpect(count),
    settled: () => core.generation.former.status().clusterId !== null,
  });
  const swarm = makePeerSwarm({
    config,
    identity,
    clusterKey,
    transport,
    members: () => core.generation.system?.members.view().members.map(({ id }) => id) ?? null,
    expected: () => list.expected.count,
    clock: REAL_CLOCK,
    logger,
  });
  const core: PeerCore = new PeerCore({
    self: identity.id,
    signer: {
      sign: (bytes) => sign(identity, bytes),
      verify: (signer, bytes, signature) => verify(signer, bytes, signature),
    },
    name: config.name,
    version: VERSION,
    zone: config.zone,
    httpUrl: httpUrlOf(config),
    addresses: [addressOf(config)],
    expect: list.expected.count,
    parameters: {
      partitions: config.partitions,
      replicas: config.replicas,
      systemVoters: config.systemVoters,
    },
    timing: config,
    deadPeerGraceMs: config.deadPeerGraceMs,
    queueBounds: config.queueBounds,
    cacheBounds: config.cacheBounds,
    cacheFlushIntervalMs: config.cacheFlushIntervalMs,
    ...await cacheFrontOf(config),
    eventBounds: config.eventBounds,
    reopen: () => openStorage(makeStorage),
    transport,
    transportStatistics: () => transport.statistics(),
    clock: REAL_CLOCK,
    random: new Random(...crypto.getRandomValues(new Uint32Array(3))),
    logger,
    stopping: () => {
      list.stop();
      swarm?.stop();
    },
    makeBootId: () => crypto.randomUUID(),
    makeClusterId: () => crypto.randomUUID().replaceAll("-", ""),
    // Without a better owner the error is uncaught, and ends the process.
    fatal: overrides.fatal ?? ((error: unknown) => {
      queueMicrotask(() => {
        throw error;
      });
    }),
  }, opened);
  try {
    await core.start();
  } catch (error) {
    await core.stop();
    throw error;
  }
  list.start();
  swarm?.start();
  const { reason } = list.expected;
  if (reason !== "") logger.log("info", reason);
  return core;
}

async function openStorage(makeStorage: () => Storage): Promise<OpenedStorage> {
  const storage = makeStorage();
  const recovered = await storage.open();
  if (recovered.identity !== null) return { storage, recovered };
  const { publicKey, secretKey } = createIdentity();
  const identity = {
    storeId: hex(crypto.getRandomValues(new Uint8Array(16))),
    publicKey: hex(publicKey),
    secretKey: hex(secretKey),
  };
  await storage.create(identity);
  return { storage, recovered: { ...recovered, identity } };
}

function identityOf({ recovered: { identity } }: OpenedStorage): Identity {
  const restored = identity === null ? null : restoreIdentity(unhex(identity.secretKey));
  if (restored === null || restored.id !== identity?.publicKey) {
    throw new StorageForeignError("the stored identity is not a key pair of one peer");
  }
  return restored;
}

/** Without a key the peer is alone: nobody can know a random one. */
function clusterKeyOf({ clusterKey }: Config): Uint8Array {
  return clusterKey === null
    ? crypto.getRandomValues(new Uint8Array(32))
    : new TextEncoder().encode(clusterKey);
}

function makeTransport(
  { config, ...edges }:
    & { readonly config: Config }
    & Pick<
      TcpTransportOptions,
      "identity" | "clusterKey" | "logger" | "closed"
    >,
): TcpTransport {
  return new TcpTransport({
    ...edges,
    listen: config.listen,
    hello: firstHello(config),
    peers: [],
    clock: REAL_CLOCK,
    random: new Random(...crypto.getRandomValues(new Uint32Array(3))),
    maxFrameBytes: config.frameBytesMax,
  });
}

/** Until the core announces what it knows of itself. */
function firstHello(config: Config): Hello {
  return {
    name: config.name,
    bootId: "",
    addresses: [addressOf(config)],
    httpUrl: httpUrlOf(config),
    zone: config.zone,
    clusterId: null,
    expect: 0,
    version: VERSION,
  };
}

function addressOf({ advertise, listen }: Config): string {
  return formatAddress({ host: advertise?.host ?? listen.host, port: listen.port });
}

function httpUrlOf({ advertise, http, tls }: Config): string {
  if (advertise !== null) return advertise.httpUrl;
  const [first] = http;
  return first === undefined ? "" : `${tls === null ? "http" : "https"}://${formatAddress(first)}`;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function unhex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
}

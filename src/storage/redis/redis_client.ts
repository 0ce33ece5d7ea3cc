/**
 * One connection to Redis through ioredis, stripped to what the storage can rest on: commands are answered in order or
 * not at all, nothing is sent a second time by itself, and once a connection is closed it stays so. What to do then
 * is `redis_session.ts`'s.
 */
import { Buffer } from "node:buffer";
import { Cluster, Command, Redis } from "ioredis";
import type { Clock } from "../../clock.ts";
import { within } from "./deadline.ts";
import { describeRedis, type RedisAddress } from "./redis_address.ts";

/** Loads ioredis, and with it what it reads of the environment. */
export type RedisArgument = string | Buffer;

export interface RedisConnection {
  /** @returns the reply: null, numbers, buffers, and lists of them. @throws what Redis says, by rejection */
  call(args: readonly RedisArgument[]): Promise<unknown>;
  /** Closes it. What is not answered is rejected. */
  close(): void;
}

export interface ConnectOptions {
  readonly address: RedisAddress;
  /** Certificates in PEM that TLS trusts in place of the system's; null: those. */
  readonly certificates: string | null;
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Told once, when the connection is gone for whatever reason. */
  readonly closed: (error: Error) => void;
  /** Where there is a cluster: commands that name no key go to the node that has this one. */
  readonly homeKey?: string;
  /** Told what comes on channels that the connection is subscribed to. */
  readonly message?: (channel: string, payload: unknown) => void;
}

const CONNECTION_NAME = "skein";
/** A host that is no name. */
const ADDRESS_FORM = /^[\d.]+$|:/;

/** @throws {Error} by rejection, whose message is the server's or the system's */
export async function connectRedis(options: ConnectOptions): Promise<RedisConnection> {
  const client = options.address.kind === "cluster" ? makeCluster(options) : makeSingle(options);
  let lastError: Error | null = null;
  let isClosed = false;
  client.on("error", (error: Error) => lastError = error);
  client.on("end", () => {
    if (isClosed) return;
    isClosed = true;
    options.closed(lastError ?? new Error("the connection was closed"));
  });
  const { message } = options;
  if (message !== undefined) {
    client.on("messageBuffer", (channel, payload) => message(textOf(channel), payload));
    client.on("pmessageBuffer", (_pattern, channel, payload) => message(textOf(channel), payload));
  }
  const close = () => {
    isClosed = true;
    client.disconnect();
  };
  try {
    await within(options.clock, options.timeoutMs, begin(client, options.address));
  } catch (error) {
    close();
    throw withoutArguments(lastError ?? error as Error);
  }
  const { homeKey } = options;
  const send = client instanceof Cluster && homeKey !== undefined
    ? senderOf(client, homeKey)
    : (name: string, args: RedisArgument[]) => client.callBuffer(name, ...args);
  return {
    async call([name = "", ...args]) {
      try {
        return await send(String(name), args);
      } catch (error) {
        throw withoutArguments(error as Error);
      }
    },
    close,
  };
}

async function begin(client: Redis | Cluster, { database }: RedisAddress): Promise<void> {
  await client.connect();
  // Not as an option: where it is refused, ioredis goes on in database 0.
  if (database !== 0) await client.callBuffer("SELECT", String(database));
}

/** What a server says of itself it says of itself alone, and any node would be asked. */
function senderOf(cluster: Cluster, homeKey: string) {
  const slot = new Command("get", [homeKey]).getSlot();
  return (name: string, args: RedisArgument[]): Promise<unknown> => {
    const command = new Command(name, args, { replyEncoding: null });
    const isAnywhere = command.getSlot() === null;
    cluster.sendCommand(command, undefined, isAnywhere ? { slot } : undefined);
    return command.promise;
  };
}

/**
 * An error of ioredis has what was sent, and Redis repeats what it does not know: either may be a password.
 * @param error of a cluster it has what a node said
 */
function withoutArguments(error: Error & { readonly lastNodeError?: Error }): Error {
  const { message, lastNodeError } = error;
  const said = lastNodeError === undefined ? message : `${message} ${lastNodeError.message}`;
  const plain = new Error(said.replace(/,? with args beginning with:.*$/s, ""));
  plain.name = error.name;
  return plain;
}

/** One of several that hangs, or whose machine is gone, leaves time for the others and for what they name. */
function shareOf({ address: { hosts }, timeoutMs }: ConnectOptions): number {
  return timeoutMs / (hosts.length + 1);
}

function makeSingle(options: ConnectOptions): Redis {
  const { address, certificates, timeoutMs } = options;
  const { kind, hosts: [first], sentinelName, user, password } = address;
  const where = kind === "sentinel"
    ? {
      sentinels: address.hosts.map(({ host, port }) => ({ host, port })),
      name: sentinelName,
      sentinelRetryStrategy: () => null,
      updateSentinels: false,
      connectTimeout: shareOf(options),
      sentinelCommandTimeout: shareOf(options),
      enableTLSForSentinelMode: address.tls,
      ...(address.tls ? { sentinelTLS: tlsOptions(address, certificates) } : {}),
    }
    : { host: first!.host, port: first!.port };
  return new Redis({
    ...commonOptions({ address, certificates, timeoutMs }),
    ...where,
    ...(user === null ? {} : { username: user }),
    ...(password === null ? {} : { password }),
    lazyConnect: true,
    enableOfflineQueue: false,
    retryStrategy: () => null,
  });
}

function makeCluster(options: ConnectOptions): Cluster {
  const { address, certificates, timeoutMs } = options;
  const { hosts, user, password } = address;
  return new Cluster([...hosts], {
    lazyConnect: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: () => null,
    slotsRefreshTimeout: shareOf(options),
    // Names are for the certificate, which has them and no addresses.
    ...(address.tls ? { dnsLookup: (name, done) => done(null, name) } : {}),
    redisOptions: {
      ...commonOptions({ address, certificates, timeoutMs }),
      ...(user === null ? {} : { username: user }),
      ...(password === null ? {} : { password }),
    },
  });
}

function commonOptions(
  { address, certificates, timeoutMs }: Pick<
    ConnectOptions,
    "address" | "certificates" | "timeoutMs"
  >,
) {
  return {
    connectTimeout: timeoutMs,
    connectionName: CONNECTION_NAME,
    protocol: 2,
    disableClientInfo: true,
    // A server that is loading answers so to every command.
    enableReadyCheck: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    ...(address.tls ? { tls: tlsOptions(address, certificates) } : {}),
  } as const;
}

function tlsOptions({ hosts: [first], kind }: RedisAddress, certificates: string | null) {
  return {
    // An address is no name that a server could be asked for by; the certificate is compared with it all the same.
    ...(kind === "single" && !ADDRESS_FORM.test(first!.host) ? { servername: first!.host } : {}),
    ...(certificates === null ? {} : { ca: certificates }),
  };
}

/** @returns the reply's text; "" where it is none */
export function textOf(reply: unknown): string {
  if (reply instanceof Uint8Array) return Buffer.from(reply).toString("utf8");
  return typeof reply === "string" ? reply : typeof reply === "number" ? String(reply) : "";
}

/** As `textOf`, of each in a list. */
export function textsOf(reply: unknown): string[] {
  return Array.isArray(reply) ? reply.map(textOf) : [];
}

/** What a server is that cannot be gone on with as it is: its message goes on behind the server's address. */
export class UnfitServerError extends Error {
  override readonly name = "UnfitServerError";
}

/** @returns what could not be done, at which address, and what stands in the way, in words for operators */
export function redisReason(address: RedisAddress, error: unknown): string {
  const said = error instanceof Error ? error.message : String(error);
  const reason = error instanceof UnfitServerError ? said : inWords(said);
  return `Redis at ${describeRedis(address)} ${reason}`;
}

/** Redis' codes → what they mean to who runs a peer. What Redis itself said stands behind. */
const MEANINGS: readonly (readonly [RegExp, string])[] = [
  [/sentinels are unreachable.*NOAUTH/, "has sentinels that want a password, and are sent none"],
  [/sentinels are unreachable and retry is disabled\.$/, "is not known to its sentinels"],
  [/\bWRONGPASS\b|invalid password|invalid username/, "refuses the user or the password"],
  [/\bNOAUTH\b/, "wants a user and a password, and none is given"],
  [
    /\bNOPERM\b|can't run this command|no permissions/i,
    "does not let this user do what a peer must",
  ],
  [/unknown (?:redis )?command/i, "does not know a command that a peer needs"],
  [/DB index is out of range/, "has no database of that number"],
  [/\bOOM\b/, "has no memory left: its maxmemory is reached"],
  [/\bREADONLY\b/, "is a read-only replica: a peer writes, and needs the primary"],
  [/\bWRONGTYPE\b/, "has a key of another type where the peer's state must lie"],
  [/\bMISCONF\b/, "cannot write to its own disk"],
  [/\bLOADING\b/, "is loading its data"],
  [/\bBUSY\b/, "is busy with somebody's script"],
  [/\bNOREPLICAS\b/, "has fewer replicas than it wants for a write"],
  [/\b(?:CLUSTERDOWN|MASTERDOWN|TRYAGAIN)\b/, "is a cluster that cannot serve at the moment"],
  [
    /Stream isn't writeable|connection (?:is|was) closed|ECONNRESET|EPIPE/i,
    "has closed the connection",
  ],
  [/ECONNREFUSED/, "does not listen"],
  [/ENOTFOUND|EAI_AGAIN|getaddrinfo/, "cannot be found by its name"],
  [/ETIMEDOUT|timed out/i, "does not answer"],
  [/certificate|self.signed|\bTLS\b|\bSSL\b|UnknownIssuer/i, "is not reached by TLS"],
];

function inWords(said: string): string {
  const meaning = MEANINGS.find(([pattern]) => pattern.test(said))?.[1] ?? "cannot be used";
  return `${meaning} (${said})`;
}

/**
 * The question that a container's health check asks, and a supervisor: one peer, one request, one deadline. Where nobody
 * says whom to ask, it is the peer that this environment configures. That peer is on this machine, and what it answers
 * is no secret: so there, as on loopback, HTTPS is spoken with any certificate.
 */
import { type Address, formatAddress, loadSettings } from "../config/mod.ts";
import type { SettingSources } from "../config/mod.ts";
import { isEveryAddress, isLoopback } from "../loopback.ts";
import { UsageError } from "./failure.ts";

const HTTPS_PORT = 443;

export interface CheckedPeer {
  readonly url: URL;
  /** Whether HTTPS may be spoken with whoever answers there. */
  readonly anyCertificate: boolean;
}

/**
 * The peer that `skein run` would be here, going by its environment and configuration file.
 * @throws {ConfigError} where its address cannot be read from them
 */
export function configuredPeer(sources: SettingSources): CheckedPeer {
  const { http, tlsCert } = loadSettings(["http", "tlsCert"], sources);
  const { host, port } = http![0]!;
  const url = `${tlsCert === null ? "http" : "https"}://${formatAddress(reached({ host, port }))}`;
  return { url: new URL(url), anyCertificate: true };
}

/**
 * The peer at a URL that somebody gave.
 * @throws {UsageError} where that is none
 */
export function namedPeer(text: string): CheckedPeer {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new UsageError(`cannot ask ${JSON.stringify(text)}; allowed: the URL of a peer`);
  }
  return { url, anyCertificate: isLoopback(hostOf(url)) };
}

/** Who listens on every address is reached on loopback. */
function reached({ host, port }: Address): Address {
  if (!isEveryAddress(host)) return { host, port };
  return { host: host.includes(":") ? "::1" : "127.0.0.1", port };
}

/**
 * @param path what is asked: /health or /ready
 * @returns what is wrong with the peer's answer; null: it is as it should be
 */
export async function checkPeer(
  { url, anyCertificate }: CheckedPeer,
  path: string,
  timeoutMs: number,
): Promise<string | null> {
  const asked = new URL(url.pathname.replace(/\/*$/, path), url);
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
  try {
    const answer = anyCertificate && url.protocol === "https:"
      ? statusByAnyCertificate(asked)
      : statusOf(asked);
    const status = await Promise.race([answer, late.promise]);
    return status === 200 ? null : `${asked} answered with status ${status}`;
  } catch (error) {
    return `${asked} did not answer: ${(error as Error).message}`;
  } finally {
    clearTimeout(timer);
  }
}

async function statusOf(url: URL): Promise<number> {
  const response = await fetch(url, { redirect: "manual" });
  await response.body?.cancel();
  return response.status;
}

/** By hand: `fetch` trusts nobody's own certificate, and node:https of Deno 2.6 none whose name is an address. */
async function statusByAnyCertificate(url: URL): Promise<number> {
  const { connect } = await import("node:tls");
  const answered = Promise.withResolvers<number>();
  const connection = connect({
    host: hostOf(url),
    port: Number(url.port || HTTPS_PORT),
    servername: "localhost",
    rejectUnauthorized: false,
  }, () => {
    connection.write(
      `GET ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\nConnection: close\r\n\r\n`,
    );
  });
  let received = "";
  connection.on("data", (bytes: Uint8Array) => {
    received += new TextDecoder().decode(bytes);
    const [, status] = /^HTTP\/1\.[01] (\d{3}) /.exec(received) ?? [];
    if (status !== undefined) answered.resolve(Number(status));
    else if (received.length > "HTTP/1.1 200 ".length) answered.reject(new Error("no HTTP answer"));
  });
  connection.on("error", answered.reject);
  connection.on("close", () => answered.reject(new Error("the connection was closed")));
  try {
    return await answered.promise;
  } finally {
    connection.destroy();
  }
}

/** Without the brackets of an IPv6 address. */
function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}

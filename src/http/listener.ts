/**
 * An address that is listened on. Loopback ones are served by `Deno.serve`, which takes half the time of
 * node:http for a request but has neither a limit of connections nor a timeout for headers: only
 * programs of this machine can connect there. All others are served by node:http, which has both.
 */
import { createAdaptorServer } from "@hono/node-server";
import { createServer as createPlainServer, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { assert } from "../assert.ts";
import type { LogLevel } from "../logger.ts";
import { LoopbackListener } from "./loopback_listener.ts";
import type { HttpOptions, ListenAddress } from "./options.ts";

/** Tells the operator. */
export type Reporter = (level: LogLevel, message: string) => void;

export type Answering = (request: Request) => Response | Promise<Response>;

export interface Listener {
  readonly address: ListenAddress;
  /** For when no request is in flight any more. Resolves when its connections are gone, or at `late`. */
  close(late: Promise<void>): Promise<void>;
  /** Ends everything at once. */
  cut(): Promise<void>;
}

/**
 * @param address where; port 0 takes any free one, and the listener's own address says which
 * @throws by rejection, where the address can not be listened on
 */
export async function listen(
  address: ListenAddress,
  answering: Answering,
  options: HttpOptions,
  report: Reporter,
): Promise<Listener> {
  return isLoopback(address.host)
    ? new LoopbackListener(address, answering, options, report)
    : await listenOnNetwork(address, answering, options);
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

async function listenOnNetwork(
  { host, port }: ListenAddress,
  answering: Answering,
  { tls, headersTimeoutMs, connectionsMax }: HttpOptions,
): Promise<Listener> {
  const server = createAdaptorServer({
    fetch: answering,
    // Deno.serve beside it knows only the real Request and Response.
    overrideGlobalObjects: false,
    createServer: tls === null ? createPlainServer : createSecureServer,
    serverOptions: {
      ...(tls ?? {}),
      headersTimeout: headersTimeoutMs,
      // How often node looks for late heads; by itself only every 30 s.
      connectionsCheckingInterval: Math.ceil(headersTimeoutMs / 2),
    },
  }) as Server;
  // Waiting for a lock is no late request; late bodies are the application's to give up.
  server.requestTimeout = 0;
  server.maxConnections = connectionsMax;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  return {
    address: { host, port: boundPort(server) },
    close(late) {
      late.then(() => server.closeAllConnections());
      return closed(server);
    },
    cut() {
      const gone = closed(server);
      server.closeAllConnections();
      return gone;
    },
  };
}

function boundPort(server: Server): number {
  const bound = server.address();
  assert(typeof bound === "object" && bound !== null, "a server that listens has an address");
  return bound.port;
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}

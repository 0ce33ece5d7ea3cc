/**
 * A listener that other machines reach: node:http (or node:https), because it has what `Deno.serve` lacks, a
 * timeout for late heads and a limit of connections. Loaded only where it is needed.
 */
import { createAdaptorServer } from "@hono/node-server";
import { createServer as createPlainServer, type Server } from "node:http";
import { createServer as createSecureServer, Server as SecureServer } from "node:https";
import { assert } from "../assert.ts";
import type { Answering, Listener } from "./listener.ts";
import type { HttpOptions, ListenAddress } from "./options.ts";

/** Whether this runtime's node:https can change its certificate while it serves; Deno 2.6's cannot. */
export const RENEWS_TLS = typeof SecureServer.prototype.setSecureContext === "function";

/** @throws by rejection, where the address can not be listened on */
export async function listenOnNetwork(
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
      ...(tls === null ? {} : { cert: tls.cert, key: tls.key }),
      headersTimeout: headersTimeoutMs,
      // How often node looks for late heads; by itself only every 30 s.
      connectionsCheckingInterval: Math.ceil(headersTimeoutMs / 2),
    },
  }) as Server | SecureServer;
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
    renewTls: server instanceof SecureServer
      ? ({ cert, key }) => server.setSecureContext({ cert, key })
      : null,
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

function boundPort(server: Server | SecureServer): number {
  const bound = server.address();
  assert(typeof bound === "object" && bound !== null, "a server that listens has an address");
  return bound.port;
}

function closed(server: Server | SecureServer): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}

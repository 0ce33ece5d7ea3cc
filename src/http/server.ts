/**
 * Puts the application behind its listeners. Loopback ones are served by `Deno.serve`, which is half as
 * expensive again as node:http but has neither a limit of connections nor a timeout for headers: there only
 * programs of this machine can connect. All others are served by node:http, which has both.
 *
 * Where several listeners are given, they share one application and its counters.
 */
import { createAdaptorServer, type ServerType } from "@hono/node-server";
import { createServer as createPlainServer, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { assemble, assembleMetrics, createSite } from "./app.ts";
import type { HttpOptions, ListenAddress } from "./options.ts";
import type { Peer } from "../peer/peer.ts";

export type { HttpOptions, ListenAddress } from "./options.ts";

export interface HttpServer {
  /** Where it listens, with the ports that were really taken, in the order of `listeners`. */
  readonly addresses: readonly ListenAddress[];
  readonly metricsAddress: ListenAddress | null;
  /**
   * Takes no further connections, and waits for what is in flight.
   * @param graceMs after this, connections that are still open are cut
   */
  stop(options: { readonly graceMs: number }): Promise<void>;
}

type Answering = (request: Request) => Response | Promise<Response>;

interface Listener {
  readonly address: ListenAddress;
  /** Resolves once all of its connections are gone. */
  stop(): Promise<void>;
  cut(): void;
}

/**
 * Opens every listener, or none.
 * @param peer what answers
 * @returns the running server
 * @throws when an address can not be listened on; those that were open already are closed again
 */
export async function startHttp(peer: Peer, options: HttpOptions): Promise<HttpServer> {
  const site = createSite(peer, options);
  const answering: Answering = assemble(site).fetch;
  const opened: Listener[] = [];
  let metrics: Listener | null = null;
  try {
    for (const address of options.listeners) {
      opened.push(await listen(address, answering, options));
    }
    if (options.metricsListener !== null) {
      metrics = await listen(options.metricsListener, assembleMetrics(site).fetch, options);
    }
  } catch (cause) {
    for (const listener of opened) listener.cut();
    await Promise.all(opened.map((listener) => listener.stop()));
    throw cause;
  }
  const all = metrics === null ? opened : [...opened, metrics];
  return {
    addresses: opened.map(({ address }) => address),
    metricsAddress: metrics?.address ?? null,
    async stop({ graceMs }) {
      const grace = options.clock.timer(graceMs, () => all.forEach((listener) => listener.cut()));
      await Promise.all(all.map((listener) => listener.stop()));
      grace.cancel();
      site.bodies.close();
    },
  };
}

function listen(
  address: ListenAddress,
  answering: Answering,
  options: HttpOptions,
): Promise<Listener> {
  return isLoopback(address.host)
    ? listenOnLoopback(address, answering, options)
    : listenOnNetwork(address, answering, options);
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function listenOnLoopback(
  { host, port }: ListenAddress,
  answering: Answering,
  { tls }: HttpOptions,
): Promise<Listener> {
  const cutting = new AbortController();
  const server = Deno.serve({
    hostname: host,
    port,
    signal: cutting.signal,
    onListen() {},
    ...(tls ?? {}),
  }, (request) => answering(request));
  return Promise.resolve({
    address: { host, port: server.addr.port },
    stop: () => server.shutdown(),
    cut: () => cutting.abort(),
  });
}

function listenOnNetwork(
  { host, port }: ListenAddress,
  answering: Answering,
  options: HttpOptions,
): Promise<Listener> {
  const { tls, headersTimeoutMs, connectionsMax } = options;
  const adaptor: ServerType = createAdaptorServer({
    fetch: answering,
    // Deno.serve beside it knows only the real Request and Response.
    overrideGlobalObjects: false,
    ...(tls === null
      ? { createServer: createPlainServer }
      : { createServer: createSecureServer, serverOptions: { cert: tls.cert, key: tls.key } }),
  });
  const server = adaptor as Server;
  server.headersTimeout = headersTimeoutMs;
  server.requestTimeout = 0;
  server.maxConnections = connectionsMax;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      const bound = server.address();
      const boundPort = typeof bound === "object" && bound !== null ? bound.port : port;
      resolve({
        address: { host, port: boundPort },
        stop: () =>
          new Promise((closed) => {
            server.close(() => closed());
            server.closeIdleConnections();
          }),
        cut: () => server.closeAllConnections(),
      });
    });
  });
}

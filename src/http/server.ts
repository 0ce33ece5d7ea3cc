/**
 * Starts and stops the HTTP face of a peer: every listener of its options, all with one application and its
 * counters. How it ends is in `ending.ts`.
 */
import { assemble, assembleMetrics, createSite } from "./app.ts";
import { Ending } from "./ending.ts";
import { type Answering, listen, type Listener, type Reporter } from "./listener.ts";
import type { HttpOptions, ListenAddress } from "./options.ts";
import type { Peer } from "../peer/peer.ts";
import { requireUsable, type TlsPair } from "./tls.ts";

export type { HttpOptions, ListenAddress } from "./options.ts";

export interface HttpServer {
  /** Where it listens, with the ports that were really taken, in the order of `listeners`. */
  readonly addresses: readonly ListenAddress[];
  readonly metricsAddress: ListenAddress | null;
  /**
   * Meets new connections with another certificate; those that are open go on with theirs.
   * @throws {TlsError} where it cannot be used; nothing has changed
   */
  renewTls(tls: TlsPair): void;
  /**
   * Takes no further connections, and waits for what is in flight.
   * @param graceMs how long it waits at most
   */
  drain(options: { readonly graceMs: number }): Promise<void>;
  /**
   * Takes no further connections, and waits until those that there are have closed behind their answers.
   * @param graceMs after this, those that are still open are cut. `Deno.serve` cannot do that: they stay
   * until their other end closes them, or the process ends
   */
  stop(options: { readonly graceMs: number }): Promise<void>;
}

/**
 * Opens every listener, or none.
 * @param peer what answers
 * @returns the running server
 * @throws {TlsError} for a certificate or key that cannot be used
 * @throws when an address can not be listened on; those that were open already are closed again
 */
export async function startHttp(peer: Peer, options: HttpOptions): Promise<HttpServer> {
  if (options.tls !== null) requireUsable(options.tls);
  const site = createSite(peer, options);
  const answering: Answering = assemble(site).fetch;
  const report: Reporter = (level, message) => peer.logger.log(level, message);
  const opened: Listener[] = [];
  let metrics: Listener | null = null;
  try {
    for (const address of options.listeners) {
      opened.push(await listen(address, answering, options, report));
    }
    if (options.metricsListener !== null) {
      const shown = assembleMetrics(site).fetch;
      metrics = await listen(options.metricsListener, shown, options, report);
    }
  } catch (cause) {
    await Promise.all(opened.map((listener) => listener.cut()));
    throw cause;
  }
  const all = metrics === null ? opened : [...opened, metrics];
  const ending = new Ending(all, site.inFlight, options.clock);
  return {
    addresses: opened.map(({ address }) => address),
    metricsAddress: metrics?.address ?? null,
    renewTls(tls) {
      requireUsable(tls);
      for (const listener of all) listener.renewTls?.(tls);
    },
    drain: ({ graceMs }) => ending.drain(graceMs),
    async stop({ graceMs }) {
      await ending.stop(graceMs);
      site.bodies.close();
    },
  };
}

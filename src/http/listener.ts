/**
 * An address that is listened on. Loopback ones are served by `Deno.serve`, which takes half the time of
 * node:http for a request but has neither a limit of connections nor a timeout for headers: only
 * programs of this machine can connect there. All others are served by node:http, which has both; and so is
 * HTTPS everywhere, because `Deno.serve` keeps the certificate that it began with.
 */
import type { LogLevel } from "../logger.ts";
import { isLoopback } from "../loopback.ts";
import { LoopbackListener } from "./loopback_listener.ts";
import type { HttpOptions, ListenAddress } from "./options.ts";
import type { TlsPair } from "./tls.ts";

/** Tells the operator. */
export type Reporter = (level: LogLevel, message: string) => void;

export type Answering = (request: Request) => Response | Promise<Response>;

export interface Listener {
  readonly address: ListenAddress;
  /**
   * Meets new connections with another certificate, one that can be used; those that are open go on with theirs.
   * Null where it speaks plain HTTP, or keeps its certificate.
   */
  readonly renewTls: ((tls: TlsPair) => void) | null;
  /**
   * Takes no further connections, closes those that are idle, and the others behind their answers. Resolves when
   * all are gone, or at `late`.
   */
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
  if (options.tls === null && isLoopback(address.host)) {
    return new LoopbackListener(address, answering, options, report);
  }
  // Most peers never need node's servers, which take a few megabytes.
  const { listenOnNetwork, RENEWS_TLS } = await import("./network_listener.ts");
  if (options.tls === null || RENEWS_TLS) return await listenOnNetwork(address, answering, options);
  const { RelayListener } = await import("./relay_listener.ts");
  return new RelayListener(address, answering, options, report);
}

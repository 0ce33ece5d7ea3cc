/**
 * What the HTTP face of a peer is started with. The composition root fills it from its configuration;
 * every field is required, so that a default lives in one place only (`src/config/`).
 */
import type { Clock } from "../clock.ts";
import type { TlsPair } from "./tls.ts";

export interface ListenAddress {
  /** An IP address or a name; `listener.ts` says what serves it. */
  readonly host: string;
  /** 0: any free port; `HttpServer.addresses` says which. */
  readonly port: number;
}

export interface HttpOptions {
  readonly listeners: readonly ListenAddress[];
  /** A further listener that answers /metrics, /health and /ready and nothing else; null: none. */
  readonly metricsListener: ListenAddress | null;
  /** What callers must present as `Authorization: Bearer`; null: everybody may call. */
  readonly token: string | null;
  /** Null: plain HTTP. */
  readonly tls: TlsPair | null;
  readonly bodyBytesMax: number;
  /** How long a caller may take to send a body. */
  readonly bodyTimeoutMs: number;
  /** How long a caller may take to send a request's head; kept by node:http listeners only. */
  readonly headersTimeoutMs: number;
  /** Connections of one node:http listener, and requests in flight of the whole peer. */
  readonly connectionsMax: number;
  /** The lease of a lock whose caller names none. */
  readonly lockTtlMs: number;
  readonly clock: Clock;
}

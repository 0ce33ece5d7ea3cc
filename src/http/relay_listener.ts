/**
 * HTTPS under a runtime whose node:https cannot change its certificate (Deno 2.6). It accepts by itself and hands
 * each connection, byte by byte, to a server on a loopback port of this process. A new certificate is a new such
 * server: the address is listened on all the time, and the old server ends with its last connection.
 */
import { assert } from "../assert.ts";
import type { Answering, Listener, Reporter } from "./listener.ts";
import { LoopbackListener } from "./loopback_listener.ts";
import type { HttpOptions, ListenAddress } from "./options.ts";
import { Relay } from "./relay.ts";
import type { TlsPair } from "./tls.ts";

const ACCEPT_AGAIN_AFTER_MS = 100;
const ANY_LOOPBACK_PORT: ListenAddress = { host: "127.0.0.1", port: 0 };

/** A server with one certificate, and the connections that it was given. */
interface Served {
  readonly server: LoopbackListener;
  readonly relays: Set<Relay>;
}

export class RelayListener implements Listener {
  readonly address: ListenAddress;
  readonly #entrance: Deno.TcpListener;
  readonly #makeServer: (tls: TlsPair) => LoopbackListener;
  readonly #options: HttpOptions;
  /** The last one is given new connections; those before it only keep theirs. */
  #all: readonly Served[] = [];
  #closed = false;

  /** @throws where the address can not be listened on */
  constructor(
    { host, port }: ListenAddress,
    answering: Answering,
    options: HttpOptions,
    report: Reporter,
  ) {
    assert(options.tls !== null, "it is for HTTPS alone");
    this.#options = options;
    this.#makeServer = (tls) =>
      new LoopbackListener(ANY_LOOPBACK_PORT, answering, { ...options, tls }, report);
    this.#entrance = Deno.listen({ hostname: host, port });
    this.address = { host, port: (this.#entrance.addr as Deno.NetAddr).port };
    this.renewTls(options.tls);
    void this.#accept();
  }

  renewTls(tls: TlsPair): void {
    if (this.#closed) return;
    this.#all = [...this.#all, { server: this.#makeServer(tls), relays: new Set() }];
    this.#endUnused();
  }

  async close(late: Promise<void>): Promise<void> {
    this.#stopAccepting();
    const relays = this.#all.flatMap((served) => [...served.relays]);
    await Promise.all(this.#all.map(({ server }) => server.close(late)));
    // What the servers said last is still on its way.
    await Promise.race([Promise.all(relays.map(({ ended }) => ended)), late]);
    this.#cutConnections();
  }

  async cut(): Promise<void> {
    this.#stopAccepting();
    this.#cutConnections();
    await Promise.all(this.#all.map(({ server }) => server.cut()));
  }

  async #accept(): Promise<void> {
    while (!this.#closed) {
      try {
        void this.#serve(await this.#entrance.accept());
      } catch {
        // Closed; or, as where no file descriptor is left, worth another try.
        if (!this.#closed) await this.#pause();
      }
    }
  }

  async #serve(client: Deno.TcpConn): Promise<void> {
    const open = this.#all.reduce((sum, { relays }) => sum + relays.size, 0);
    if (open >= this.#options.connectionsMax) return client.close();
    const { server, relays } = this.#all.at(-1)!;
    const relay = new Relay(client, server.address);
    relays.add(relay);
    await relay.ended;
    relays.delete(relay);
    this.#endUnused();
  }

  /** Ends the servers of former certificates that have no connection left. */
  #endUnused(): void {
    if (this.#closed) return;
    const isUsed = (served: Served) => served === this.#all.at(-1) || served.relays.size > 0;
    const unused = this.#all.filter((served) => !isUsed(served));
    this.#all = this.#all.filter(isUsed);
    for (const { server } of unused) void server.cut();
  }

  #stopAccepting(): void {
    if (!this.#closed) this.#entrance.close();
    this.#closed = true;
  }

  #cutConnections(): void {
    for (const { relays } of this.#all) for (const relay of relays) relay.close();
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.timer(ACCEPT_AGAIN_AFTER_MS, resolve);
    });
  }
}

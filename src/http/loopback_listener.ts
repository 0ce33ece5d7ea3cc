/**
 * A loopback address, served by `Deno.serve`. That ends for good when it can not accept a connection, as
 * when a program of this machine has used up the file descriptors: here it is opened again until it holds.
 */
import { SkeinError } from "../errors.ts";
import { isLoopback } from "../loopback.ts";
import { answerCaller } from "./departure.ts";
import type { Answering, Listener, Reporter } from "./listener.ts";
import type { HttpOptions, ListenAddress } from "./options.ts";

const REOPEN_AFTER_MS = 100;

export class LoopbackListener implements Listener {
  readonly address: ListenAddress;
  readonly renewTls = null;
  readonly #answering: Answering;
  readonly #options: HttpOptions;
  readonly #report: Reporter;
  #cutting = new AbortController();
  /** Null while it waits to be opened again. */
  #server: Deno.HttpServer<Deno.NetAddr> | null;
  #stopping = false;

  /** @throws where the address can not be listened on, or Deno listens elsewhere */
  constructor(
    { host, port }: ListenAddress,
    answering: Answering,
    options: HttpOptions,
    report: Reporter,
  ) {
    this.#answering = answering;
    this.#options = options;
    this.#report = report;
    this.#server = this.#open(host, port);
    this.address = { host, port: this.#server.addr.port };
  }

  #open(hostname: string, port: number): Deno.HttpServer<Deno.NetAddr> {
    this.#cutting = new AbortController();
    const { signal } = this.#cutting;
    const { tls } = this.#options;
    const pair = tls === null ? {} : { cert: tls.cert, key: tls.key };
    const server = Deno.serve(
      { hostname, port, signal, onListen() {}, onError: (thrown) => this.#broken(thrown), ...pair },
      (request, delivery) => answerCaller(request, delivery, this.#answering),
    );
    const { addr } = server;
    // An environment can make Deno.serve listen elsewhere: what is meant for this machine goes nowhere else.
    if (!isLoopback(addr.hostname) || (port !== 0 && port !== addr.port)) {
      this.#cutting.abort();
      throw new Error(
        `cannot listen on ${hostname}:${port}: Deno listened on ${
          JSON.stringify(addr)
        } in its place`,
      );
    }
    server.finished.catch((cause) => this.#failed(cause));
    return server;
  }

  /** An answer's body broke off, which its reader sees. Deno would print what was thrown. */
  #broken(thrown: unknown): Response {
    const isBug = !(thrown instanceof SkeinError);
    const text = isBug && thrown instanceof Error ? thrown.stack ?? thrown.message : String(thrown);
    this.#report(isBug ? "error" : "debug", `an answer broke off: ${text}`);
    return new Response(null, { status: 500 });
  }

  #failed(cause: unknown): void {
    const { host, port } = this.address;
    this.#server = null;
    this.#report("error", `stopped answering on ${host}:${port}, will open it again: ${cause}`);
    this.#reopenLater();
  }

  #reopenLater(): void {
    this.#options.clock.timer(REOPEN_AFTER_MS, () => {
      if (this.#stopping) return;
      const { host, port } = this.address;
      try {
        this.#server = this.#open(host, port);
        this.#report("info", `answers on ${host}:${port} again`);
      } catch {
        this.#reopenLater();
      }
    });
  }

  async close(late: Promise<void>): Promise<void> {
    this.#stopping = true;
    // Never an abort beside it: after shutdown() that throws where nobody can catch it.
    if (this.#server !== null) await Promise.race([this.#server.shutdown(), late]);
  }

  async cut(): Promise<void> {
    this.#stopping = true;
    this.#cutting.abort();
    await this.#server?.finished;
  }
}

/**
 * A client and, over a real socket, the real HTTP face of a peer that answers as the test says.
 */
import { SkeinClient } from "../../src/client/mod.ts";
import { startHttp } from "../../src/http/server.ts";
import { REAL_CLOCK } from "../../src/peer/real_clock.ts";
import { FakePeer, httpOptions } from "../http/fake_peer.ts";

export class Served implements AsyncDisposable {
  private constructor(
    readonly fake: FakePeer,
    readonly client: SkeinClient,
    readonly url: string,
    readonly stop: () => Promise<void>,
  ) {}

  static async start(token: string | null = null): Promise<Served> {
    const fake = new FakePeer();
    const server = await startHttp(fake.asPeer(), httpOptions({ clock: REAL_CLOCK, token }));
    const url = `http://127.0.0.1:${server.addresses[0]!.port}`;
    const client = new SkeinClient({
      urls: [url],
      owner: "me",
      retryMs: 0,
      ...(token === null ? {} : { token }),
    });
    return new Served(fake, client, url, () => server.stop({ graceMs: 0 }));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** An answer that never comes, and whether the peer was asked for it, and then told that nobody waits any more. */
export class Unanswered {
  readonly #asked = Promise.withResolvers<void>();
  readonly #cancelled = Promise.withResolvers<void>();

  get asked(): Promise<void> {
    return this.#asked.promise;
  }

  get cancelled(): Promise<void> {
    return this.#cancelled.promise;
  }

  readonly answer = ({ signal }: { readonly signal: AbortSignal | null }): Promise<never> =>
    new Promise((_resolve, reject) => {
      this.#asked.resolve();
      signal!.addEventListener("abort", () => {
        this.#cancelled.resolve();
        reject(signal!.reason);
      });
    });
}

/**
 * A small HTTP server that answers as a test says, request by request, and remembers what came in. Where a
 * test needs an address at which nobody listens, `vacantUrl` gives one.
 */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

export type Reply = (received: Received, signal: AbortSignal) => Response | Promise<Response>;

export class FakeServer implements AsyncDisposable {
  readonly received: Received[] = [];
  readonly #cutting = new AbortController();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly url: string;

  /** @param replies one for each request, in order; the last one goes on for ever */
  constructor(...replies: readonly Reply[]) {
    this.#server = Deno.serve({
      hostname: "127.0.0.1",
      port: 0,
      signal: this.#cutting.signal,
      onListen() {},
    }, async (request) => {
      const text = await request.text();
      const { pathname, search } = new URL(request.url);
      const received = {
        method: request.method,
        path: pathname + search,
        headers: request.headers,
        body: text === "" ? {} : JSON.parse(text),
      };
      this.received.push(received);
      const reply = replies[Math.min(this.received.length, replies.length) - 1]!;
      return reply(received, request.signal);
    });
    this.url = `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#cutting.abort();
    await this.#server.finished;
  }
}

export function json(body: unknown, status = 200, headers: Record<string, string> = {}): Reply {
  return () =>
    new Response(JSON.stringify(body), {
      status,
      headers: { "content-type": "application/json", ...headers },
    });
}

export function failure(
  status: number,
  error: string,
  headers: Record<string, string> = {},
): Reply {
  return json({ success: false, error, message: `told to say ${error}` }, status, headers);
}

/** The answer to an acquire that is granted. */
export const GRANTED = json({
  success: true,
  fencing_token: 7,
  expires_at: "2026-01-01T00:05:00.000Z",
});

/** Reads each request and closes its connection unanswered, so that the client can not know its fate. */
export class BreakingServer implements AsyncDisposable {
  /** The session header of each request. */
  readonly ids: string[] = [];
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #accepting = this.#accept();
  readonly url = `http://127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;

  async #accept(): Promise<void> {
    for await (const connection of this.#listener) {
      const buffer = new Uint8Array(4096);
      const size = await connection.read(buffer);
      const text = new TextDecoder().decode(buffer.subarray(0, size ?? 0));
      this.ids.push(/skein-session: (\S+)/i.exec(text)?.[1] ?? "");
      connection.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
  }
}

/** An address of this machine at which nobody listens. */
export function vacantUrl(): string {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return `http://127.0.0.1:${port}`;
}

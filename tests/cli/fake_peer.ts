/**
 * A stand-in for a peer's HTTP side: answers what the test says, and remembers what it was asked.
 */
export interface Asked {
  readonly route: string;
  readonly body: Record<string, unknown>;
  readonly authorization: string | null;
}

/** Route (`POST /lock/acquire`) → status and body, or what gives them for the body that came. */
export type Answers = Readonly<
  Record<string, FakeAnswer | ((asked: Asked, count: number) => FakeAnswer | Promise<FakeAnswer>)>
>;
export type FakeAnswer = readonly [status: number, body: Record<string, unknown>];

export class FakePeer implements AsyncDisposable {
  readonly asked: Asked[] = [];
  readonly url: string;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(answers: Answers) {
    this.#server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      async (request) => {
        const { pathname, search } = new URL(request.url);
        const asked: Asked = {
          route: `${request.method} ${pathname}${search}`,
          body: request.method === "POST" ? await request.json() : {},
          authorization: request.headers.get("authorization"),
        };
        this.asked.push(asked);
        const answer = answers[asked.route] ?? [404, failed("NOT_FOUND", "no such route")];
        const count = this.count(asked.route);
        const [status, body] = typeof answer === "function" ? await answer(asked, count) : answer;
        return Response.json(body, { status });
      },
    );
    this.url = `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** How often a route was asked so far. */
  count(route: string): number {
    return this.asked.filter((asked) => asked.route === route).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** The body of an error. */
export function failed(
  error: string,
  message: string,
  details: Record<string, unknown> = {},
): Record<string, unknown> {
  return { ...details, success: false, error, message };
}

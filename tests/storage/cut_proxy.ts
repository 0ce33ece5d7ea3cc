/**
 * A way to a redis-server that a test may cut: it carries bytes to and fro, holds back what comes one way, and breaks
 * off with what it holds. So a test decides whether Redis has seen a command whose answer is lost.
 */
import { closing } from "./closing.ts";

interface Line {
  readonly client: Deno.TcpConn;
  readonly server: Deno.TcpConn;
}

export class CutProxy {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 }) as Deno.TcpListener;
  readonly #serverPort: number;
  readonly #lines = new Set<Line>();
  readonly #running: Promise<void>[] = [];
  /** What is taken in and not passed on. */
  holds: "nothing" | "commands" | "answers" = "nothing";
  /** New connections are closed at once. */
  refuses = false;
  connections = 0;

  constructor(serverPort: number) {
    this.#serverPort = serverPort;
    this.#running.push(this.#accept());
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#listener.addr.port}`;
  }

  /** Breaks off all connections. */
  cut(): void {
    for (const { client, server } of this.#lines) {
      closing(client);
      closing(server);
    }
    this.#lines.clear();
  }

  async close(): Promise<void> {
    closing(this.#listener);
    this.cut();
    await Promise.all(this.#running);
  }

  async #accept(): Promise<void> {
    for (;;) {
      const client = await this.#listener.accept().catch(() => null);
      if (client === null) return;
      this.connections++;
      if (this.refuses) {
        closing(client);
        continue;
      }
      const server = await Deno.connect({ hostname: "127.0.0.1", port: this.#serverPort });
      const line = { client, server };
      this.#lines.add(line);
      this.#running.push(this.#carry(client, server, "commands"));
      this.#running.push(this.#carry(server, client, "answers"));
    }
  }

  async #carry(from: Deno.TcpConn, to: Deno.TcpConn, what: "commands" | "answers"): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (;;) {
        const size = await from.read(buffer);
        if (size === null) break;
        if (this.holds === what) continue;
        for (let at = 0; at < size;) at += await to.write(buffer.subarray(at, size));
      }
    } catch {
      // Cut, or closed by one of the ends.
    }
    closing(from);
    closing(to);
  }
}

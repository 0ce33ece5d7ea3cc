/**
 * A way to a redis-server on which commands are late: from the first piece that has certain bytes on, a connection keeps
 * what it is given until the test lets it go. So a write arrives when its sender is no home any more.
 */
import { closing } from "../../storage/closing.ts";

interface Held {
  readonly server: Deno.TcpConn;
  readonly pieces: Uint8Array[];
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("latin1");

export class HeldProxy {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 }) as Deno.TcpListener;
  readonly #running: Promise<void>[] = [];
  readonly #open = new Set<Deno.TcpConn>();
  readonly #held = new Map<Deno.TcpConn, Held>();
  /** What is held from, once it is seen; null: nothing. */
  text: string | null = null;
  serverPort = 0;

  constructor() {
    this.#running.push(this.#accept());
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#listener.addr.port}`;
  }

  /** Connections that keep something back. */
  get held(): number {
    return this.#held.size;
  }

  /** What was kept back goes on its way, and all that follows. */
  async release(): Promise<void> {
    this.text = null;
    for (const [client, { server, pieces }] of [...this.#held]) {
      for (const piece of pieces) await writeAll(server, piece);
      this.#held.delete(client);
    }
  }

  async close(): Promise<void> {
    closing(this.#listener);
    for (const connection of this.#open) closing(connection);
    await Promise.all(this.#running);
  }

  async #accept(): Promise<void> {
    for (;;) {
      const client = await this.#listener.accept().catch(() => null);
      if (client === null) return;
      const server = await Deno.connect({ hostname: "127.0.0.1", port: this.serverPort });
      this.#open.add(client).add(server);
      this.#running.push(this.#carry(client, server, true), this.#carry(server, client, false));
    }
  }

  async #carry(from: Deno.TcpConn, to: Deno.TcpConn, isCommands: boolean): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (;;) {
        const size = await from.read(buffer);
        if (size === null) break;
        const piece = buffer.slice(0, size);
        if (!isCommands || !this.#holds(from, to, piece)) await writeAll(to, piece);
      }
    } catch {
      // Closed by one of the ends.
    }
    closing(from);
    closing(to);
  }

  #holds(client: Deno.TcpConn, server: Deno.TcpConn, piece: Uint8Array): boolean {
    const held = this.#held.get(client);
    if (held !== undefined) return held.pieces.push(piece) > 0;
    const isMeant = this.text !== null &&
      decoder.decode(piece).includes(decoder.decode(encoder.encode(this.text)));
    if (isMeant) this.#held.set(client, { server, pieces: [piece] });
    return isMeant;
  }
}

async function writeAll(to: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
}

/**
 * Hands a client's bytes on to a server and the server's back, until the server has said all or either is gone.
 * It holds one buffer a direction: who reads slowly slows down only the one that writes to it.
 */
const BUFFER_BYTES = 16 * 1024;

export class Relay {
  /** Resolves once both connections are closed; never rejects. */
  readonly ended: Promise<void>;
  readonly #client: Deno.TcpConn;
  #server: Deno.TcpConn | null = null;
  #closed = false;

  /** @param address where the server listens */
  constructor(client: Deno.TcpConn, address: { readonly host: string; readonly port: number }) {
    this.#client = client;
    this.ended = this.#run(address);
  }

  async #run({ host, port }: { readonly host: string; readonly port: number }): Promise<void> {
    try {
      const server = await Deno.connect({ hostname: host, port });
      if (this.#closed) return server.close();
      this.#server = server;
      copy(this.#client, server).catch(() => this.close());
      await copy(server, this.#client);
    } catch {
      // A side is gone, and with it the reason for the other.
    } finally {
      this.close();
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#client.close();
    this.#server?.close();
  }
}

async function copy(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(BUFFER_BYTES);
  for (;;) {
    const sizeBytes = await from.read(buffer);
    if (sizeBytes === null) return await to.closeWrite();
    for (let written = 0; written < sizeBytes;) {
      written += await to.write(buffer.subarray(written, sizeBytes));
    }
  }
}

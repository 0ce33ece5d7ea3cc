/** A relay between a dialler and a listener that tests can break, stall, or read along. */
import { connect, createServer, type Server, type Socket } from "node:net";

export class TcpProxy {
  /** All bytes from dialler to listener, for each connection, in the order of their opening. */
  readonly recorded: Uint8Array[][] = [];
  /** While true nothing passes, in either direction, and no new connection gets through. */
  stalled = false;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(targetPort: () => number) {
    this.#server = createServer((near) => this.#join(near, targetPort()));
  }

  static async open(targetPort: () => number): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  /** Breaks every connection that passes now. */
  sever(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.sever();
    await closed;
  }

  #join(near: Socket, port: number): void {
    const far = connect({ port, host: "127.0.0.1" });
    const bytes: Uint8Array[] = [];
    this.recorded.push(bytes);
    near.on("data", (chunk) => bytes.push(chunk));
    for (const [from, to] of [[near, far], [far, near]] as const) {
      this.#sockets.add(from);
      from.on("data", (chunk) => {
        if (!this.stalled) to.write(chunk);
      });
      from.on("error", () => {});
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }
}

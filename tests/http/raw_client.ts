/** A TCP connection that sends whatever bytes a test wants, whole or in parts, and reads what comes back. */
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class RawClient implements Disposable {
  readonly #connection: Deno.TcpConn;
  #received = "";
  #open = true;

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  static async connect(port: number): Promise<RawClient> {
    return new RawClient(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  async send(text: string): Promise<void> {
    const bytes = encoder.encode(text);
    for (let sent = 0; sent < bytes.length;) {
      sent += await this.#connection.write(bytes.subarray(sent));
    }
  }

  /** Reads until `pattern` is there, or the other side closes. */
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.#received) && await this.#readMore());
    return this.#received;
  }

  /** Reads until the other side closes. */
  async untilClosed(): Promise<string> {
    while (await this.#readMore());
    return this.#received;
  }

  async #readMore(): Promise<boolean> {
    const buffer = new Uint8Array(16_384);
    const size = await this.#connection.read(buffer).catch(() => null);
    if (size === null) return false;
    this.#received += decoder.decode(buffer.subarray(0, size), { stream: true });
    return true;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#connection.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** The text of a POST, with further header lines if any. */
export function post(path: string, body: string, ...headers: readonly string[]): string {
  const length = encoder.encode(body).length;
  const lines = [`POST ${path} HTTP/1.1`, "Host: here", `Content-Length: ${length}`, ...headers];
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}

/**
 * A publisher that speaks NATS' line protocol over a plain socket, as lean as the HTTP client that Skein and
 * etcd get. What is published in one turn goes out in one write; acknowledgements come to an inbox each.
 */
import assert from "node:assert/strict";

/** One connection, shared by many clients. */
export class NatsWire {
  readonly #connection: Deno.TcpConn;
  readonly #inbox: string;
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder("latin1");
  readonly #unacknowledged = new Map<string, PromiseWithResolvers<void>>();
  #serial = 0;
  #outgoing = "";
  #sending = false;
  #closed = false;

  private constructor(connection: Deno.TcpConn, inbox: string) {
    this.#connection = connection;
    this.#inbox = inbox;
  }

  /** @param inbox a word that no other connection has */
  static async connect(port: number, inbox: string): Promise<NatsWire> {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    connection.setNoDelay(true);
    const wire = new NatsWire(connection, inbox);
    wire.#send('CONNECT {"verbose":false,"pedantic":false,"headers":true}\r\n');
    wire.#send(`SUB ${inbox}.* 1\r\n`);
    void wire.#receive();
    return wire;
  }

  /**
   * @param body ASCII
   * @throws {Error} when the stream refuses it
   */
  async publish(subject: string, body: string): Promise<void> {
    const reply = `${this.#inbox}.${this.#serial++}`;
    const acknowledgement = Promise.withResolvers<void>();
    this.#unacknowledged.set(reply, acknowledgement);
    this.#send(`PUB ${subject} ${reply} ${body.length}\r\n${body}\r\n`);
    await acknowledgement.promise;
  }

  /** As `publish`, with an id: within the stream's window the same id again is not stored again. */
  async publishWithId(subject: string, id: string, body: string): Promise<void> {
    const reply = `${this.#inbox}.${this.#serial++}`;
    const acknowledgement = Promise.withResolvers<void>();
    this.#unacknowledged.set(reply, acknowledgement);
    const head = `NATS/1.0\r\nNats-Msg-Id: ${id}\r\n\r\n`;
    const sizes = `${head.length} ${head.length + body.length}`;
    this.#send(`HPUB ${subject} ${reply} ${sizes}\r\n${head}${body}\r\n`);
    await acknowledgement.promise;
  }

  #send(text: string): void {
    this.#outgoing += text;
    if (this.#sending) return;
    this.#sending = true;
    queueMicrotask(() => void this.#flush());
  }

  async #flush(): Promise<void> {
    while (this.#outgoing !== "" && !this.#closed) {
      const bytes = this.#encoder.encode(this.#outgoing);
      this.#outgoing = "";
      for (let written = 0; written < bytes.length;) {
        written += await this.#connection.write(bytes.subarray(written));
      }
    }
    this.#sending = false;
  }

  async #receive(): Promise<void> {
    const chunk = new Uint8Array(256 * 1024);
    let rest = "";
    let inbox: string | null = null;
    for (;;) {
      const count = await this.#connection.read(chunk).catch(() => null);
      if (count === null) break;
      const lines = (rest + this.#decoder.decode(chunk.subarray(0, count))).split("\r\n");
      rest = lines.pop()!;
      for (const line of lines) {
        if (inbox !== null) {
          this.#settle(inbox, line);
          inbox = null;
        } else if (line.startsWith("MSG ")) inbox = line.split(" ")[1]!;
        else if (line === "PING") this.#send("PONG\r\n");
        else assert(line.startsWith("INFO "), `NATS: ${line}`);
      }
    }
    assert(this.#closed, "NATS closed the connection");
  }

  #settle(inbox: string, answer: string): void {
    const acknowledgement = this.#unacknowledged.get(inbox);
    assert(acknowledgement !== undefined, `an answer that nobody waits for: ${answer}`);
    this.#unacknowledged.delete(inbox);
    if (answer.includes('"error"')) acknowledgement.reject(new Error(`NATS: ${answer}`));
    else acknowledgement.resolve();
  }

  close(): void {
    this.#closed = true;
    this.#connection.close();
  }
}

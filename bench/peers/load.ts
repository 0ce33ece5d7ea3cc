/**
 * A closed-loop HTTP load from raw keep-alive sockets: each client sends a request, reads the whole answer,
 * and goes on. It writes prepared bytes and looks at no more of an answer than it must, because on a
 * small machine a comfortable HTTP client would cost more than the servers that it measures.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { withDeadline } from "./processes.ts";

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Nothing that works takes this long. */
const OPERATION_MS_MAX = 30_000;
const HEAD_BYTES_MAX = 1024;
const ANSWER_BYTES_MAX = 1024 * 1024;

/** One keep-alive connection; one request at a time. */
export class HttpSocket {
  readonly #connection: Deno.TcpConn;
  readonly #headEnd: string;
  #outgoing = new Uint8Array(16 * 1024);
  #incoming = new Uint8Array(16 * 1024);
  readonly #decoder = new TextDecoder();
  readonly #encoder = new TextEncoder();

  private constructor(connection: Deno.TcpConn, host: string) {
    this.#connection = connection;
    this.#headEnd = ` HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\n` +
      "Content-Length: ";
  }

  /** @param address host:port */
  static async connect(address: string): Promise<HttpSocket> {
    const [hostname, port] = address.split(":");
    const connection = await Deno.connect({ hostname: hostname!, port: Number(port) });
    connection.setNoDelay(true);
    return new HttpSocket(connection, address);
  }

  async post(path: string, body: unknown): Promise<Answer> {
    const text = JSON.stringify(body);
    // A unit of UTF-16 takes three bytes of UTF-8 at most.
    const neededBytes = HEAD_BYTES_MAX + 3 * text.length;
    if (this.#outgoing.length < neededBytes) this.#outgoing = new Uint8Array(neededBytes);
    const { written: bodyBytes } = this.#encoder.encodeInto(
      text,
      this.#outgoing.subarray(HEAD_BYTES_MAX),
    );
    const head = `POST ${path}${this.#headEnd}${bodyBytes}\r\n\r\n`;
    assert(head.length <= HEAD_BYTES_MAX, "a head of reasonable size");
    const from = HEAD_BYTES_MAX - head.length;
    this.#encoder.encodeInto(head, this.#outgoing.subarray(from));
    await this.#writeAll(this.#outgoing.subarray(from, HEAD_BYTES_MAX + bodyBytes));
    return await this.#read();
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let written = 0; written < bytes.length;) {
      written += await this.#connection.write(bytes.subarray(written));
    }
  }

  async #read(): Promise<Answer> {
    let filled = 0;
    let total = Infinity;
    for (;;) {
      if (filled === this.#incoming.length) this.#grow();
      const count = await this.#connection.read(this.#incoming.subarray(filled));
      assert(count !== null, "the server closed the connection within an answer");
      filled += count;
      if (total !== Infinity && filled < total) continue;
      const text = this.#decoder.decode(this.#incoming.subarray(0, filled));
      const headEnd = text.indexOf("\r\n\r\n");
      if (headEnd < 0) continue;
      // The head is ASCII, so its places are the same in text and bytes.
      if (total === Infinity) total = headEnd + 4 + contentLength(text.slice(0, headEnd));
      if (filled < total) continue;
      assert.equal(filled, total, "one answer to one request");
      return { status: Number(text.slice(9, 12)), body: text.slice(headEnd + 4) };
    }
  }

  #grow(): void {
    assert(this.#incoming.length < ANSWER_BYTES_MAX, "an answer of reasonable size");
    const larger = new Uint8Array(this.#incoming.length * 2);
    larger.set(this.#incoming);
    this.#incoming = larger;
  }

  close(): void {
    this.#connection.close();
  }
}

function contentLength(head: string): number {
  const match = /\r\ncontent-length: *(\d+)/i.exec(head);
  assert(match !== null, `an answer with its length, not ${head}`);
  return Number(match[1]);
}

export interface LoadResult {
  readonly clients: number;
  readonly operations: number;
  readonly seconds: number;
  /** Operations a second, all clients together. */
  readonly rate: number;
  /** Latency of one operation in milliseconds; NaN where there is none to tell. */
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** CPU seconds that the load itself took, over the measured time. */
  readonly loadCpuSeconds: number;
}

/** What one client does over and over. `latencyMs` null: the time of the whole operation counts. */
export type Operation = (round: number) => Promise<number | null>;

/**
 * @param makeClient builds the operation of client `number`; everything that it prepares is not measured
 * @param warmUpMs runs before the measured time
 * @param each what one operation counts as in the rate, as a batch of that many
 */
export async function runLoad(
  clients: number,
  durationMs: number,
  warmUpMs: number,
  makeClient: (number: number) => Promise<Operation>,
  each = 1,
): Promise<LoadResult> {
  const operations = await Promise.all(Array.from({ length: clients }, (_, n) => makeClient(n)));
  const latenciesMs: number[] = [];
  const began = performance.now();
  const measuredFrom = began + warmUpMs;
  const until = measuredFrom + durationMs;
  let cpuBefore: NodeCpu | null = null;
  const all = Promise.all(operations.map(async (operation) => {
    for (let round = 0; performance.now() < until; round++) {
      const from = performance.now();
      const latencyMs = await operation(round);
      const now = performance.now();
      if (now < measuredFrom || now > until) continue;
      cpuBefore ??= process.cpuUsage();
      latenciesMs.push(latencyMs ?? now - from);
    }
  }));
  await withDeadline(all, warmUpMs + durationMs + OPERATION_MS_MAX);
  const cpu = process.cpuUsage(cpuBefore ?? undefined);
  latenciesMs.sort((a, b) => a - b);
  const at = (share: number) => latenciesMs[Math.floor(latenciesMs.length * share)] ?? NaN;
  const seconds = durationMs / 1000;
  return {
    clients,
    operations: latenciesMs.length * each,
    seconds,
    rate: latenciesMs.length * each / seconds,
    p50Ms: at(0.5),
    p95Ms: at(0.95),
    p99Ms: at(0.99),
    loadCpuSeconds: (cpu.user + cpu.system) / 1e6,
  };
}

type NodeCpu = ReturnType<typeof process.cpuUsage>;

/**
 * A process in which rounds of a thousand streams share one socket and carry their bytes, while a stranger floods both
 * sockets: garbage, packets cut short, headers with ids of nobody, and copies of what went over the wire before. Tells a
 * line of JSON a round: `deno run -A --v8-flags=--expose-gc tests/udx/flood.ts SECONDS`.
 */
import { BOUNDS } from "../../src/udx/protocol/bounds.ts";
import { streamIdOf, writeHeader } from "../../src/udx/protocol/packet.ts";
import { UDX, type UDXSocket } from "../../src/udx/mod.ts";
import { Random } from "../../src/random.ts";
import { ACCEPT, bound, closeAll, closeOf } from "./loopback.ts";

export interface FloodRound {
  readonly round: number;
  /** Streams of both ends that closed without error, having received what was written. */
  readonly whole: number;
  readonly failed: readonly string[];
  /** The stranger's packets. */
  readonly flooded: number;
  /** Of those, what the sockets received and handed out as nobody's. */
  readonly messages: number;
  /** After a collection of garbage. */
  readonly heapBytes: number;
  readonly residentBytes: number;
  readonly ms: number;
}

const STREAMS = 1_000;
const BYTES_MAX = 20_000;
/** So many of the stranger's packets at once, and then a pause that lets the streams go on. */
const BURST = 40;
const SEEN_MAX = 2_000;

const seconds = Number(Deno.args[0] ?? 10);
const collect = (globalThis as { gc?: () => void }).gc;
if (collect === undefined) throw new Error("the flood needs --v8-flags=--expose-gc");

const random = new Random(1);
const untilMs = performance.now() + 1_000 * seconds;
/** Of the streams' own packets, of this round and of the ones before. */
const seen: { readonly packet: Uint8Array; readonly toLeft: boolean }[] = [];
for (let round = 1; performance.now() < untilMs; round++) {
  console.log(JSON.stringify(await flooded(round)));
}

async function flooded(round: number): Promise<FloodRound> {
  const beganMs = performance.now();
  const udx = new UDX();
  const [left, right] = [bound(udx), bound(udx)];
  for (const [socket, toLeft] of [[left, false], [right, true]] as const) remember(socket, toLeft);
  let messages = 0;
  for (const socket of [left, right]) socket.on("message", () => void messages++);

  const failed: string[] = [];
  let whole = 0;
  const closes: Promise<void>[] = [];
  const firstId = round * 2 * STREAMS;
  const isOurs = (id: number) => id >= firstId && id < firstId + 2 * STREAMS;
  for (let at = 0; at < STREAMS; at++) {
    const [one, other] = [firstId + 2 * at, firstId + 2 * at + 1];
    const [writer, reader] = [udx.createStream(one, ACCEPT), udx.createStream(other, ACCEPT)];
    writer.connect(left, other, right.address()!.port);
    reader.connect(right, one, left.address()!.port);
    const bytes = random.integer(0, BYTES_MAX);
    let received = 0;
    let wrong = false;
    reader.on("data", (chunk: Uint8Array) => {
      for (let place = 0; place < chunk.length; place++) {
        wrong ||= chunk[place] !== ((received + place + at) & 0xff);
      }
      received += chunk.length;
    });
    reader.on("end", () => void reader.end());
    writer.on("data", () => {});
    writer.end(Uint8Array.from({ length: bytes }, (_, place) => place + at));
    closes.push(
      closeOf(writer).then((error) => {
        if (error === null) whole++;
        else failed.push(`writer ${at}: ${error.message}`);
      }),
    );
    closes.push(
      closeOf(reader).then((error) => {
        if (error === null && received === bytes && !wrong) whole++;
        else {failed.push(
            `reader ${at}: ${error?.message}, ${received} of ${bytes}, wrong ${wrong}`,
          );}
      }),
    );
  }

  let over = false;
  const all = Promise.all(closes).then(() => void (over = true));
  const stranger = new UDX();
  const from = bound(stranger);
  let sent = 0;
  while (!over) {
    for (let count = 0; count < BURST; count++, sent++) {
      const { packet, toLeft } = made(isOurs);
      from.trySend(packet, (toLeft ? left : right).address()!.port);
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await all;
  await closeAll([left, right, from]);
  collect!();
  const { heapUsed, external, rss } = Deno.memoryUsage();
  return {
    round,
    whole,
    failed: failed.slice(0, 5),
    flooded: sent,
    messages,
    heapBytes: heapUsed + external,
    residentBytes: rss,
    ms: Math.round(performance.now() - beganMs),
  };
}

/** Keeps some of what leaves through the socket. */
function remember(socket: UDXSocket, toLeft: boolean): void {
  const transmit = socket.transmit.bind(socket);
  socket.transmit = (packet, to, settled) => {
    if (random.chance(0.02)) {
      const at = seen.length < SEEN_MAX ? seen.length : random.integer(0, SEEN_MAX - 1);
      seen[at] = { packet: packet.slice(), toLeft };
    }
    transmit(packet, to, settled);
  };
}

function made(isOurs: (id: number) => boolean): { packet: Uint8Array; toLeft: boolean } {
  const toLeft = random.chance(0.5);
  const kind = random.integer(0, 3);
  if (kind === 0 && seen.length > 0) return random.pick(seen);
  if (kind === 1 && seen.length > 0) {
    const { packet } = random.pick(seen);
    return { packet: packet.slice(0, random.integer(0, BOUNDS.headerBytes - 1)), toLeft };
  }
  const packet = new Uint8Array(random.integer(0, random.chance(0.5) ? 40 : 1_472));
  for (let at = 0; at < packet.length; at++) packet[at] = random.integer(0, 255);
  if (kind === 2 && packet.length >= BOUNDS.headerBytes) {
    writeHeader(packet, random.uint32(), {
      flags: random.integer(0, 63),
      paddingBytes: random.integer(0, 255),
      windowBytes: random.uint32(),
      sequence: random.integer(0, 100),
      ack: random.integer(0, 100),
    });
  }
  // What has the id of a stream would be its own, and could end it: the wire has no seal.
  if (isOurs(streamIdOf(packet))) packet[1] = 0;
  return { packet, toLeft };
}

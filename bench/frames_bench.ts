/**
 * `deno bench -A bench/frames_bench.ts`: bytes and values (codec), frames in a byte stream, and two transports in
 * one process that speak over the loopback, encrypted. One iteration is as many operations as its name
 * says.
 */
import { checkBounds, DECODE_BOUNDS } from "../src/codec/bounds.ts";
import { FrameDecoder } from "../src/codec/frame_decoder.ts";
import { FrameQueue } from "../src/codec/frame_queue.ts";
import { decode, encodeShared } from "../src/codec/msgpack.ts";
import { LIMITS } from "../src/limits.ts";
import { SILENT } from "../src/logger.ts";
import { createIdentity } from "../src/net/identity.ts";
import { TcpTransport } from "../src/net/tcp_transport.ts";
import type { TransportHandlers } from "../src/net/transport.ts";
import { REAL_CLOCK } from "../src/peer/real_clock.ts";
import { Random } from "../src/random.ts";

const MIB = 1024 * 1024;
const REPEATS = 1_000;
const OUTSTANDING = 64;

/** An AppendEntries of one entry of 100 bytes, as groups put it on the wire. */
const ENTRY = [1_001, 7, 0, 123_456_789, new Uint8Array(100)];
const SMALL = [0, "raft", [[0, 123_456, 1, 1, 7, 2, 1_000, 7, 999, [ENTRY]]]];
const LARGE = [0, "raft", [[0, 123_456, 1, 1, 7, 2, 1_000, 7, 999, [new Uint8Array(MIB)]]]];

for (const [name, value] of [["a small frame", SMALL], ["a frame of 1 MiB", LARGE]] as const) {
  const bytes = encodeShared(value).slice();
  const repeats = value === SMALL ? REPEATS : 1;
  const group = `codec, ${name}`;
  Deno.bench(`encode ${name} × ${repeats}`, { group }, () => {
    for (let count = 0; count < repeats; count++) encodeShared(value);
  });
  Deno.bench(`check the bounds of ${name} × ${repeats}`, { group }, () => {
    for (let count = 0; count < repeats; count++) checkBounds(bytes, DECODE_BOUNDS);
  });
  Deno.bench(`decode ${name} × ${repeats}`, { group }, () => {
    for (let count = 0; count < repeats; count++) decode(bytes);
  });
}

/** The stream of so many frames with bodies of this size. */
function streamOf(frames: number, bodyBytes: number): Uint8Array {
  const queue = new FrameQueue();
  for (let count = 0; count < frames; count++) queue.append(new Uint8Array(bodyBytes));
  const stream = new Uint8Array(queue.bytes);
  queue.takeInto(stream);
  return stream;
}

for (const chunkBytes of [64 * 1024, 1_000]) {
  const stream = streamOf(REPEATS, 140);
  Deno.bench(`cut ${REPEATS} frames of 140 bytes out of chunks of ${chunkBytes} bytes`, () => {
    const decoder = new FrameDecoder(LIMITS.frameBytesMax);
    for (let at = 0; at < stream.length; at += chunkBytes) {
      decoder.push(stream.subarray(at, at + chunkBytes));
      while (decoder.next() !== null);
    }
  });
}

const HANDLERS: TransportHandlers = {
  message() {},
  request: (_from, method, body) => Promise.resolve(method === "echo" ? body : null),
  connected() {},
  updated() {},
  disconnected() {},
};

function createTransport(peers: readonly string[]): TcpTransport {
  return new TcpTransport({
    identity: createIdentity(),
    clusterKey: new TextEncoder().encode("the key of a benchmark"),
    listen: { host: "127.0.0.1", port: 0 },
    hello: {
      name: "bench",
      bootId: "",
      addresses: [],
      httpUrl: "",
      zone: "",
      clusterId: null,
      expect: 0,
      version: "",
    },
    peers,
    clock: REAL_CLOCK,
    random: new Random(1),
    logger: SILENT,
  });
}

/** Two transports that are connected. */
async function connectedPair(): Promise<readonly [TcpTransport, TcpTransport]> {
  const right = createTransport([]);
  await right.start(HANDLERS);
  const left = createTransport([`127.0.0.1:${right.listeningPort}`]);
  const connected = Promise.withResolvers<void>();
  await left.start({ ...HANDLERS, connected: () => connected.resolve() });
  await connected.promise;
  return [left, right];
}

/** So many requests, never more than the limit of them at once. */
async function ask(
  [left, right]: readonly [TcpTransport, TcpTransport],
  method: string,
  body: unknown,
  times: number,
  outstanding: number,
): Promise<void> {
  let remaining = times;
  const one = async (): Promise<void> => {
    while (remaining-- > 0) await left.request(right.self, method, body, 60_000);
  };
  await Promise.all(Array.from({ length: outstanding }, one));
}

const pair = await connectedPair();
const chunk = new Uint8Array(MIB);

Deno.bench(`${REPEATS} round trips, one at a time`, { group: "round trips" }, async () => {
  await ask(pair, "echo", { index: 1 }, REPEATS, 1);
});
Deno.bench(
  `${REPEATS} round trips, ${OUTSTANDING} at a time`,
  { group: "round trips" },
  async () => {
    await ask(pair, "echo", { index: 1 }, REPEATS, OUTSTANDING);
  },
);
Deno.bench("64 MiB in requests of 1 MiB, 8 at a time", async () => {
  await ask(pair, "swallow", chunk, 64, 8);
});

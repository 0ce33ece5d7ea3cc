/** Frames: what the queue emits, the decoder cuts, whatever the pieces and chunks. */
import assert from "node:assert/strict";
import { FRAME_HEADER_BYTES, FrameDecoder } from "../../src/codec/frame_decoder.ts";
import { FrameQueue } from "../../src/codec/frame_queue.ts";
import { Random } from "../../src/random.ts";
import { limitMs } from "../speed_limit.ts";

const FRAME_BYTES_MAX = 8 * 1024 * 1024;

function readAll(decoder: FrameDecoder, chunk: Uint8Array): Uint8Array[] {
  decoder.push(chunk);
  const frames: Uint8Array[] = [];
  for (let body = decoder.next(); body !== null; body = decoder.next()) frames.push(body.slice());
  return frames;
}

function takeAll(queue: FrameQueue): Uint8Array {
  const bytes = new Uint8Array(queue.bytes);
  queue.takeInto(bytes);
  return bytes;
}

function randomBody(random: Random, bytesMax: number): Uint8Array {
  return Uint8Array.from({ length: random.integer(0, bytesMax) }, () => random.integer(0, 255));
}

Deno.test("frames in pieces of any size come out whole and in order", () => {
  const random = new Random(7);
  const queue = new FrameQueue();
  const decoder = new FrameDecoder(FRAME_BYTES_MAX);
  const sent: Uint8Array[] = [];
  const received: Uint8Array[] = [];
  for (let round = 0; round < 2_000; round++) {
    const body = randomBody(random, random.chance(0.05) ? 200_000 : 40);
    sent.push(body);
    queue.append(body);
    while (queue.bytes > 0 && random.chance(0.7)) {
      const piece = new Uint8Array(random.integer(1, Math.min(queue.bytes, 100_000)));
      queue.takeInto(piece);
      received.push(...readAll(decoder, piece));
    }
  }
  received.push(...readAll(decoder, takeAll(queue)));
  assert.equal(received.length, sent.length);
  for (const [index, body] of sent.entries()) assert.deepEqual(received[index], body);
  assert.equal(decoder.failure, null);
  assert.equal(queue.bytes, 0);
});

Deno.test("a stream that comes byte by byte gives the same frames, empty ones too", () => {
  const queue = new FrameQueue();
  const bodies = [[1, 2, 3], [], [4]].map((bytes) => Uint8Array.from(bytes));
  for (const body of bodies) queue.append(body);
  const decoder = new FrameDecoder(FRAME_BYTES_MAX);
  const frames = [...takeAll(queue)].flatMap((byte) => readAll(decoder, Uint8Array.of(byte)));
  assert.deepEqual(frames, bodies);
});

Deno.test("the header is four bytes, big-endian", () => {
  const queue = new FrameQueue();
  queue.append(new Uint8Array(0x01_02_03).fill(9));
  assert.deepEqual(takeAll(queue).subarray(0, 5), Uint8Array.of(0, 1, 2, 3, 9));
});

Deno.test("a length past the bound is refused with its fourth byte, and the stream stays refused", () => {
  const decoder = new FrameDecoder(FRAME_BYTES_MAX);
  assert.deepEqual(readAll(decoder, Uint8Array.of(0xff, 0xff, 0xff)), []);
  assert.equal(decoder.failure, null);
  assert.deepEqual(readAll(decoder, Uint8Array.of(0xff)), []);
  assert.match(decoder.failure!, /4294967295 bytes is larger/);
  assert.deepEqual(readAll(decoder, Uint8Array.of(0, 0, 0, 1, 7)), []);
});

Deno.test("the bound itself is allowed, one byte more is not", () => {
  const allowed = new FrameDecoder(3);
  assert.equal(readAll(allowed, Uint8Array.of(0, 0, 0, 3, 1, 2, 3)).length, 1);
  const refused = new FrameDecoder(3);
  assert.equal(readAll(refused, Uint8Array.of(0, 0, 0, 4, 1, 2, 3, 4)).length, 0);
  assert.notEqual(refused.failure, null);
});

Deno.test("frames before a bad one are still delivered", () => {
  const decoder = new FrameDecoder(10);
  const frames = readAll(decoder, Uint8Array.of(0, 0, 0, 1, 5, 0xff, 0, 0, 0));
  assert.deepEqual(frames, [Uint8Array.of(5)]);
  assert.notEqual(decoder.failure, null);
});

Deno.test("a frame within one chunk is not copied", () => {
  const decoder = new FrameDecoder(FRAME_BYTES_MAX);
  const chunk = Uint8Array.of(0, 0, 0, 2, 5, 6);
  decoder.push(chunk);
  assert.equal(decoder.next()!.buffer, chunk.buffer);
});

Deno.test("a large frame in a million small chunks takes linear time", () => {
  const decoder = new FrameDecoder(FRAME_BYTES_MAX);
  const chunk = new Uint8Array(8);
  decoder.push(Uint8Array.of(0, 0x80, 0, 0));
  assert.equal(decoder.next(), null);
  let frames = 0;
  const begun = performance.now();
  for (let count = 0; count < FRAME_BYTES_MAX / 8; count++) {
    decoder.push(chunk);
    if (decoder.next() !== null) frames++;
  }
  assert.equal(frames, 1);
  assert(performance.now() - begun < limitMs(5_000), "copying must not grow with the frame");
});

Deno.test("bodies are copied into the queue: the caller may reuse its buffer", () => {
  const queue = new FrameQueue();
  const body = Uint8Array.of(1, 2);
  queue.append(body);
  body.fill(9);
  assert.deepEqual(takeAll(queue).subarray(FRAME_HEADER_BYTES), Uint8Array.of(1, 2));
});

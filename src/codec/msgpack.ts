/**
 * msgpack as this program speaks it: on the wire, in the log and in snapshots. Values are null, booleans,
 * numbers, strings, `Uint8Array`s, arrays and plain objects; bytes stay bytes. Decoding takes hostile
 * bytes: whatever is wrong with them is an error value, never an exception, and memory and depth are
 * bounded before anything is built (`bounds.ts`).
 */
import { Decoder, Encoder } from "@msgpack/msgpack";
import { assert } from "../assert.ts";
import { checkBounds, DECODE_BOUNDS, type DecodeBounds } from "./bounds.ts";

export type Decoded =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly reason: string };

/** An encoder whose buffer one huge value has grown is replaced, or the buffer would stay for ever. */
const ENCODER_BYTES_MAX = 2 * 1024 * 1024;

const newEncoder = (): Encoder =>
  new Encoder({ ignoreUndefined: true, maxDepth: DECODE_BOUNDS.depthMax });

let encoder = newEncoder();
const decoder = new Decoder();

/**
 * @param value what `decode` gives back, but that properties which are undefined are left out
 * @returns bytes of the caller's own
 * @throws {Error} for what msgpack has no form for (functions, bigints, nesting past the bound): a bug
 */
export function encode(value: unknown): Uint8Array {
  return encodeShared(value).slice();
}

/**
 * Like `encode` without the copy.
 * @returns a view of a buffer that the next call of `encode` or `encodeShared` overwrites
 */
export function encodeShared(value: unknown): Uint8Array {
  const bytes = encoder.encodeSharedRef(value);
  if (bytes.length > ENCODER_BYTES_MAX) encoder = newEncoder();
  return bytes;
}

/**
 * @param bytes exactly one value, from anywhere. Bytes inside the value are views of it, not copies.
 * @param bounds how deep and how large the value may be
 */
export function decode(bytes: Uint8Array, bounds: DecodeBounds = DECODE_BOUNDS): Decoded {
  const problem = checkBounds(bytes, bounds);
  if (problem !== null) return { ok: false, reason: problem };
  try {
    return { ok: true, value: decoder.decode(bytes) };
  } catch (error) {
    assert(error instanceof Error, "the decoder throws errors");
    return { ok: false, reason: error.message };
  }
}

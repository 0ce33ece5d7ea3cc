/**
 * A message's bytes as they lie in its batch: a byte that tells the length of the key's length (0: no key), then that
 * length, the key and the data. The key is only given back to consumers, so it needs no memory beside the data.
 * The machine does not look into these bytes; the service makes and takes them apart.
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const NO_KEY = 0;
const KEY = 1;
/** The mark, and two bytes of length. */
const KEY_HEAD_BYTES = 3;

export interface StoredBody {
  readonly key: string | null;
  readonly data: Uint8Array;
}

/** @returns bytes of the caller's own */
export function encodeBody({ key, data }: StoredBody): Uint8Array {
  const keyBytes = key === null ? null : encoder.encode(key);
  const bytes = new Uint8Array(storedSize(keyBytes, data));
  storeBody(bytes, 0, keyBytes, data);
  return bytes;
}

/** @param keyBytes the key in UTF-8; null: none */
export function storedSize(keyBytes: Uint8Array | null, data: Uint8Array): number {
  return (keyBytes === null ? 1 : KEY_HEAD_BYTES + keyBytes.length) + data.length;
}

/**
 * Writes a body among others.
 * @param into has room for `storedSize` bytes at this place
 */
export function storeBody(
  into: Uint8Array,
  at: number,
  keyBytes: Uint8Array | null,
  data: Uint8Array,
): void {
  if (keyBytes === null) {
    into[at] = NO_KEY;
    into.set(data, at + 1);
    return;
  }
  into[at] = KEY;
  into[at + 1] = keyBytes.length & 0xff;
  into[at + 2] = keyBytes.length >>> 8;
  into.set(keyBytes, at + KEY_HEAD_BYTES);
  into.set(data, at + KEY_HEAD_BYTES + keyBytes.length);
}

/**
 * @param bytes as `encodeBody` gave them; `data` is a view of them
 * @throws {RangeError} for bytes of another form
 */
export function decodeBody(bytes: Uint8Array): StoredBody {
  if (bytes[0] === NO_KEY) return { key: null, data: bytes.subarray(1) };
  if (bytes[0] !== KEY || bytes.length < KEY_HEAD_BYTES) {
    throw new RangeError(`no message begins with the byte ${bytes[0]}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const keyEnd = KEY_HEAD_BYTES + view.getUint16(1, true);
  if (keyEnd > bytes.length) throw new RangeError("a message's key is longer than the message");
  const key = decoder.decode(bytes.subarray(KEY_HEAD_BYTES, keyEnd));
  return { key, data: bytes.subarray(keyEnd) };
}

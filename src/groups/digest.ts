/**
 * A digest of a command, to tell a retry from another request under the same id. It is compared only with
 * what the same caller sent under the same id, so a forger could fool nobody but himself: it needs no
 * cryptography, only that two different requests never meet by accident (2^-53), and little time, because
 * every write pays for it. Two 32-bit lanes of multiply-and-rotate mixing as in MurmurHash3 (Appleby, 2011)
 * run over the value's structure, without encoding it first.
 */

/** The lanes live here while one digest is computed, so that no object is allocated for it. */
let low = 0;
let high = 0;
const float = new DataView(new ArrayBuffer(8));

/** Told apart before their content, so that 1, "1", [1] and true differ. */
const TAG = { nothing: 1, no: 2, yes: 3, integer: 4, float: 5, text: 6, bytes: 7, list: 8, map: 9 };

/**
 * @param value null, a boolean, number, string, `Uint8Array`, or arrays and plain objects of these; the order
 * of an object's keys counts
 * @returns an integer in 0 .. 2^53 - 1, the same on every replica
 */
export function digestOf(value: unknown): number {
  low = 0x2545f491;
  high = 0x6c078965;
  take(value);
  return (finish(high) & 0x1f_ffff) * 0x1_0000_0000 + finish(low);
}

function take(value: unknown): void {
  switch (typeof value) {
    case "string":
      return takeText(value);
    case "number":
      return takeNumber(value);
    case "boolean":
      return mix(value ? TAG.yes : TAG.no);
    case "object":
      if (value === null) return mix(TAG.nothing);
      if (value instanceof Uint8Array) return takeBytes(value);
      if (Array.isArray(value)) return takeList(value);
      return takeMap(value as Record<string, unknown>);
    default:
      return mix(TAG.nothing);
  }
}

function takeText(text: string): void {
  mix(TAG.text);
  mix(text.length);
  const even = text.length & ~1;
  for (let at = 0; at < even; at += 2) mix(text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16));
  if (even < text.length) mix(text.charCodeAt(even));
}

function takeNumber(value: number): void {
  if (Number.isSafeInteger(value)) {
    mix(TAG.integer);
    mix(value | 0);
    mix(Math.floor(value / 0x1_0000_0000));
    return;
  }
  float.setFloat64(0, value);
  mix(TAG.float);
  mix(float.getInt32(0));
  mix(float.getInt32(4));
}

function takeBytes(bytes: Uint8Array): void {
  mix(TAG.bytes);
  mix(bytes.length);
  for (const byte of bytes) mix(byte);
}

function takeList(list: readonly unknown[]): void {
  mix(TAG.list);
  mix(list.length);
  for (const element of list) take(element);
}

function takeMap(map: Readonly<Record<string, unknown>>): void {
  const keys = Object.keys(map);
  mix(TAG.map);
  mix(keys.length);
  for (const key of keys) {
    takeText(key);
    take(map[key]);
  }
}

function mix(word: number): void {
  low = Math.imul(low ^ word, 0xcc9e2d51);
  low = Math.imul((low << 15) | (low >>> 17), 5) + 0x1b873593 | 0;
  high = Math.imul(high ^ word, 0x85ebca6b);
  high = Math.imul((high << 13) | (high >>> 19), 9) + 0x38b34ae5 | 0;
}

function finish(lane: number): number {
  lane = Math.imul(lane ^ (lane >>> 16), 0x85ebca6b);
  lane = Math.imul(lane ^ (lane >>> 13), 0xc2b2ae35);
  return (lane ^ (lane >>> 16)) >>> 0;
}

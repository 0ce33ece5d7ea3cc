/**
 * Looks over msgpack bytes without building anything: one complete value, nothing behind it, every
 * length within the bytes that are there, nesting and the number of values bounded. The decoder behind it
 * allocates an array as soon as it reads the array's length, so five hostile bytes could else ask for
 * gigabytes. Bytes and strings are skipped, so this costs little beside decoding.
 */

export interface DecodeBounds {
  /** Arrays and maps within each other. */
  readonly depthMax: number;
  /** Values in all, map keys included: a byte on the wire can be 50 in memory. */
  readonly valuesMax: number;
}

export const DECODE_BOUNDS: DecodeBounds = { depthMax: 64, valuesMax: 1_048_576 };

const NOT_FIXED = 255;
/** Bytes behind the head byte that a type of fixed size has; NOT_FIXED for all other types. */
const FIXED_BYTES = fixedBytes();

/**
 * @param bytes one msgpack value, from anywhere
 * @returns what is wrong with them, or null
 */
export function checkBounds(bytes: Uint8Array, bounds: DecodeBounds): string | null {
  const { depthMax, valuesMax } = bounds;
  const length = bytes.length;
  /** Per open array or map: values in it that are still to come. */
  const open: number[] = [];
  let remaining = 1;
  let position = 0;
  let values = 0;
  while (true) {
    while (remaining === 0) {
      const outer = open.pop();
      if (outer === undefined) return position === length ? null : "bytes behind the value";
      remaining = outer;
    }
    remaining--;
    if (position >= length) return "the value is cut off";
    if (++values > valuesMax) return `more than ${valuesMax} values`;
    const head = bytes[position++]!;
    const fixed = FIXED_BYTES[head]!;
    if (fixed !== NOT_FIXED) {
      const isInteger64 = head === 0xcf || head === 0xd3;
      if (isInteger64 && !isSafeInteger(bytes, position, head)) {
        return "an integer beyond 2^53";
      }
      position += fixed;
      continue;
    }
    const lengthBytes = lengthBytesOf(head);
    if (lengthBytes < 0) return `type 0x${head.toString(16)} is not spoken here`;
    if (position + lengthBytes > length) return "the value is cut off";
    const count = lengthBytes === 0
      ? embeddedCount(head)
      : readLength(bytes, position, lengthBytes);
    position += lengthBytes;
    if (!isContainer(head)) {
      position += count;
      continue;
    }
    const inside = isMap(head) ? count * 2 : count;
    if (inside > length - position) return "a length beyond the bytes that are there";
    if (inside === 0) continue;
    if (open.length === depthMax) return `nested deeper than ${depthMax}`;
    open.push(remaining);
    remaining = inside;
  }
}

/** Extension types and the one unused head are left at NOT_FIXED, and have no length bytes either. */
function fixedBytes(): Uint8Array {
  const table = new Uint8Array(256).fill(NOT_FIXED);
  table.fill(0, 0x00, 0x80);
  table.fill(0, 0xe0);
  table[0xc0] = table[0xc2] = table[0xc3] = 0;
  table[0xcc] = table[0xd0] = 1;
  table[0xcd] = table[0xd1] = 2;
  table[0xca] = table[0xce] = table[0xd2] = 4;
  table[0xcb] = table[0xcf] = table[0xd3] = 8;
  for (let head = 0xa0; head < 0xc0; head++) table[head] = head - 0xa0;
  return table;
}

/** How many bytes behind the head give the length; 0: it is in the head; -1: a type we do not speak. */
function lengthBytesOf(head: number): number {
  if (head < 0xa0) return 0;
  switch (head) {
    case 0xc4:
    case 0xd9:
      return 1;
    case 0xc5:
    case 0xda:
    case 0xdc:
    case 0xde:
      return 2;
    case 0xc6:
    case 0xdb:
    case 0xdd:
    case 0xdf:
      return 4;
    default:
      return -1;
  }
}

function embeddedCount(head: number): number {
  return head & 0x0f;
}

function isContainer(head: number): boolean {
  return head < 0xa0 || head >= 0xdc;
}

function isMap(head: number): boolean {
  return head < 0x90 || head >= 0xde;
}

function readLength(bytes: Uint8Array, position: number, lengthBytes: number): number {
  let value = 0;
  for (let at = position; at < position + lengthBytes; at++) value = value * 256 + bytes[at]!;
  return value;
}

/** Whether the 64-bit integer at this position is exact as a number. Cut off counts as safe: said later. */
function isSafeInteger(bytes: Uint8Array, position: number, head: number): boolean {
  if (position + 8 > bytes.length) return true;
  const view = new DataView(bytes.buffer, bytes.byteOffset + position, 8);
  const value = head === 0xcf ? view.getBigUint64(0) : view.getBigInt64(0);
  return value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER;
}

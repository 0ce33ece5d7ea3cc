/**
 * A gzipped tar archive (POSIX ustar) that depends on nothing but what is in it: files in order of their paths, one
 * time for all, no owner. So the same content gives the same bytes, on every machine.
 */
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { createGzip } from "node:zlib";

export interface ArchivedFile {
  /** With slashes; at most 100 bytes behind and 155 before one of them. */
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly executable?: boolean;
}

const BLOCK_BYTES = 512;
/** How much is compressed before anything else has its turn: some tens of milliseconds. */
const TURN_BYTES = 1 << 20;
const NAME_BYTES_MAX = 100;
const PREFIX_BYTES_MAX = 155;
/** Where gzip says which system it ran on; 255 is "unknown". */
const GZIP_SYSTEM_OFFSET = 9;
const GZIP_SYSTEM_UNKNOWN = 255;

/**
 * @param modifiedAt of each file, in the archive
 * @param signal ends the work, which then throws
 * @throws {RangeError} by rejection, when a path is too long for the format
 */
export async function makeTarball(
  files: readonly ArchivedFile[],
  modifiedAt: Date,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const blocks: Uint8Array[] = [];
  const inOrder = [...files].sort((left, right) => left.path < right.path ? -1 : 1);
  for (const file of inOrder) {
    blocks.push(header(file, modifiedAt), file.bytes);
    blocks.push(new Uint8Array(-file.bytes.length & (BLOCK_BYTES - 1)));
  }
  // Two empty blocks end it.
  blocks.push(new Uint8Array(2 * BLOCK_BYTES));
  const zipped = await compress(Buffer.concat(blocks), signal);
  zipped[GZIP_SYSTEM_OFFSET] = GZIP_SYSTEM_UNKNOWN;
  return zipped;
}

/** Deno compresses on the one thread that hears signals as well: so it is done in parts. */
async function compress(bytes: Buffer, signal?: AbortSignal): Promise<Buffer<ArrayBuffer>> {
  const gzip = createGzip({ level: 9 });
  const parts: Uint8Array[] = [];
  gzip.on("data", (part: Uint8Array) => parts.push(part));
  const ended = once(gzip, "end");
  for (let at = 0; at < bytes.length; at += TURN_BYTES) {
    await new Promise((resolve) => setTimeout(resolve));
    signal?.throwIfAborted();
    if (!gzip.write(bytes.subarray(at, at + TURN_BYTES))) await once(gzip, "drain");
  }
  gzip.end();
  await ended;
  return Buffer.concat(parts);
}

function header({ path, bytes, executable = false }: ArchivedFile, modifiedAt: Date): Uint8Array {
  const block = Buffer.alloc(BLOCK_BYTES);
  const [prefix, name] = splitPath(path);
  const octal = (value: number, offset: number, digits: number) =>
    block.write(value.toString(8).padStart(digits, "0"), offset, "ascii");
  block.write(name, 0);
  octal(executable ? 0o755 : 0o644, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(bytes.length, 124, 11);
  octal(Math.floor(modifiedAt.getTime() / 1000), 136, 11);
  block.write("0", 156, "ascii");
  block.write("ustar\x0000", 257, "ascii");
  block.write(prefix, 345);
  // The checksum is taken as if its own field were blanks.
  block.fill(" ", 148, 156);
  octal(block.reduce((sum, byte) => sum + byte, 0), 148, 6);
  block[154] = 0;
  return block;
}

/** @returns what stands in the header's two fields for the path, split at one of its slashes */
function splitPath(path: string): [prefix: string, name: string] {
  if (Buffer.byteLength(path) <= NAME_BYTES_MAX) return ["", path];
  for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)];
    if (Buffer.byteLength(name) > NAME_BYTES_MAX) continue;
    if (Buffer.byteLength(prefix) <= PREFIX_BYTES_MAX) return [prefix, name];
  }
  throw new RangeError(`the path is too long for a tar archive: ${path}`);
}

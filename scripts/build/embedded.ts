/**
 * What `deno compile` put into an executable, read back from its bytes: the section that the runtime reads when it
 * starts. It begins and ends with a mark; in it stand, each behind its length in 8 bytes, the metadata (JSON), other
 * parts that we do not look at, and last the tree of files (JSON) and the data that its entries point into. Deno says
 * nothing of this format outside its source (cli/standalone/binary.rs); where it changes, reading fails, and with it
 * the build.
 */
import { Buffer } from "node:buffer";

export interface Embedded {
  /** What the program will be run with. */
  readonly metadata: Metadata;
  /** The path in the stage → what was taken. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** The whole section. */
  readonly section: Buffer;
}

/** The parts of it that we look at. A permission is null when refused, an empty list when given without bounds. */
export interface Metadata {
  readonly permissions:
    & Readonly<Record<string, readonly string[] | boolean | null>>
    & { readonly prompt: boolean };
  readonly v8_flags: readonly string[];
  readonly entrypoint_key: string;
  readonly code_cache_key: unknown;
}

const MARK = Buffer.from("d3n0l4nd");
const LENGTH_BYTES = 8;
/** More than any program's metadata takes: where a larger number follows a mark, that is no section. */
const METADATA_BYTES_MAX = 1 << 20;
const TREE_BEGIN = Buffer.from('[{"');

type Entry =
  | { readonly Dir: { readonly n: string; readonly e: readonly Entry[] } }
  | { readonly File: { readonly n: string; readonly o: readonly [number, number] } };

/** @throws {Error} when there is no such section, or it is not as this Deno writes it */
export function readEmbedded(executable: Uint8Array): Embedded {
  const bytes = Buffer.from(executable.buffer, executable.byteOffset, executable.byteLength);
  for (let at = bytes.indexOf(MARK); at >= 0; at = bytes.indexOf(MARK, at + 1)) {
    const found = readSection(bytes.subarray(at));
    if (found !== null) return found;
  }
  throw new Error("nothing that `deno compile` embeds can be found in the executable");
}

/** @returns null where no section begins at the first byte: the runtime's code has the mark as well */
function readSection(bytes: Buffer): Embedded | null {
  const metadata = readText(bytes, MARK.length, METADATA_BYTES_MAX);
  if (metadata === null || !metadata.startsWith("{")) return null;
  const from = MARK.length + LENGTH_BYTES + Buffer.byteLength(metadata);
  // Whatever looks like a tree is one if the closing mark stands where its lengths say.
  for (let at = bytes.indexOf(TREE_BEGIN, from); at >= 0; at = bytes.indexOf(TREE_BEGIN, at + 1)) {
    const tree = readText(bytes, at - LENGTH_BYTES, bytes.length);
    if (tree === null) continue;
    const dataAt = at + Buffer.byteLength(tree) + LENGTH_BYTES;
    const endAt = dataAt + Number(bytes.readBigUInt64LE(dataAt - LENGTH_BYTES));
    if (!bytes.subarray(endAt, endAt + MARK.length).equals(MARK)) continue;
    const files = new Map<string, Uint8Array>();
    collect(JSON.parse(tree), "", bytes.subarray(dataAt, endAt), files);
    const section = bytes.subarray(0, endAt + MARK.length);
    return { metadata: JSON.parse(metadata), files, section };
  }
  return null;
}

/** The text whose length in bytes stands before it; null where that cannot be. */
function readText(bytes: Buffer, at: number, bytesMax: number): string | null {
  if (at + LENGTH_BYTES > bytes.length) return null;
  const length = Number(bytes.readBigUInt64LE(at));
  const from = at + LENGTH_BYTES;
  if (length > bytesMax || from + length + LENGTH_BYTES > bytes.length) return null;
  return bytes.toString("utf8", from, from + length);
}

function collect(
  entries: readonly Entry[],
  folder: string,
  data: Buffer,
  files: Map<string, Uint8Array>,
): void {
  for (const entry of entries) {
    if ("Dir" in entry) {
      collect(entry.Dir.e, `${folder}${entry.Dir.n}/`, data, files);
    } else if ("File" in entry) {
      const [offset, length] = entry.File.o;
      files.set(folder + entry.File.n, data.subarray(offset, offset + length));
    } else {
      throw new Error(`an embedded entry in ${folder} that is neither file nor folder`);
    }
  }
}

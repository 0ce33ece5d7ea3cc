/**
 * The terms under which what goes along may be copied: one text for all, because `deno compile` takes a LICENSE within a
 * package for a module and writes its failure to parse it, with this machine's paths, into the executable.
 */
import type { BuildForm } from "../../src/build_info.ts";

/** Those of one work by others. */
export interface Terms {
  readonly name: string;
  /** Null: what it is part of does not say. */
  readonly version: string | null;
  /** By its short name, as a package.json has it. */
  readonly license: string;
  /** What its files of licence say; none where it has no such file. */
  readonly texts: readonly string[];
}

export const LICENCES_FILE = "THIRD_PARTY_LICENSES.txt";

const RULE = "-".repeat(80);
/** Of works that lie within native code, and so bring no file that says it. */
const TEXTS = `${import.meta.dirname}/licences`;

/** What goes along beside the packages, or within their native code. */
export async function termsOfNativeCode(form: BuildForm): Promise<readonly Terms[]> {
  const libsodium = {
    name: "libsodium, within sodium-native",
    version: null,
    license: "ISC",
    texts: [await Deno.readTextFile(`${TEXTS}/libsodium.txt`)],
  };
  // Who installs the npm package gets Deno from its authors.
  if (form === "npm") return [libsodium];
  const deno = {
    name: "Deno",
    version: Deno.version.deno,
    license: "MIT",
    texts: [await Deno.readTextFile(`${TEXTS}/deno.txt`)],
  };
  return [deno, libsodium];
}

/** @param all in the order in which they are to stand */
export function licencesText(all: readonly Terms[]): string {
  const head = `Skein goes with ${all.length} works by others. These are their terms.\n`;
  const parts = all.map(({ name, version, license, texts }) => {
    const text = texts.length === 0
      ? "It has no text of its licence."
      : texts.map((each) => each.replaceAll("\r\n", "\n").trim()).join("\n\n");
    const title = version === null ? name : `${name} ${version}`;
    return `${RULE}\n${title}: ${license}\n\n${text}\n`;
  });
  return [head, ...parts].join("\n");
}

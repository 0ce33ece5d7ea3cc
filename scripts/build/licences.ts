/**
 * The terms under which the packages that go along may be copied: one text for all, because `deno compile` takes a
 * LICENSE within a package for a module and writes its failure to parse it, with this machine's paths, into
 * the executable.
 */

export interface PackageTerms {
  readonly name: string;
  readonly version: string;
  /** As its package.json names them. */
  readonly license: string;
  /** What its files of licence say; none where it has no such file. */
  readonly texts: readonly string[];
}

export const LICENCES_FILE = "THIRD_PARTY_LICENSES.txt";

const RULE = "-".repeat(80);

/** @param packages in order of their names */
export function licencesText(packages: readonly PackageTerms[]): string {
  const head = `Skein goes with ${packages.length} packages by others. These are their terms.\n`;
  const parts = packages.map(({ name, version, license, texts }) => {
    const text = texts.length === 0
      ? "The package has no text of its licence."
      : texts.map((each) => each.replaceAll("\r\n", "\n").trim()).join("\n\n");
    return `${RULE}\n${name} ${version}: ${license}\n\n${text}\n`;
  });
  return [head, ...parts].join("\n");
}

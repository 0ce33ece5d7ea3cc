/**
 * What this copy of the program was built from. In the source there is nothing to say; a build overwrites this
 * one file in what it ships (scripts/build/stage.ts), and changes nothing else of the source.
 */

/** `compiled`: by `deno compile`; `self-extracting`: one file with a runtime beside; `npm`: a package. */
export type BuildForm = "compiled" | "self-extracting" | "npm";

export interface BuildInfo {
  /** The commit's hash; with `-dirty` behind it where the files were not as committed. */
  readonly commit: string;
  /** When that commit was made: ISO 8601, UTC. */
  readonly date: string;
  readonly form: BuildForm;
}

export const BUILD: BuildInfo | null = null;

/**
 * Where settings come from, handed in by whoever loads them: so that the configuration itself touches neither
 * environment nor files, and tests give it what they like.
 */

/** Where single settings come from. */
export interface SettingSources {
  /** Flag without dashes → its value; several of a repeatable one; true for a switch. */
  readonly flags: Readonly<Record<string, string | readonly string[] | boolean | undefined>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** @throws whatever reading throws; its message is shown */
  readonly readFile: (path: string) => string;
}

/** Where a whole configuration comes from, its derived defaults included. */
export interface Sources extends SettingSources {
  readonly hostName: string;
  /** Whether the log goes to a terminal. */
  readonly terminal: boolean;
}

/** The file's content less the line feed that editors put at its end. */
export function readNamedFile(
  readFile: SettingSources["readFile"],
  path: string,
  setting: string,
  origin: string,
): string {
  try {
    return readFile(path).replace(/\r?\n$/, "");
  } catch (error) {
    const reason = (error as Error).message;
    throw new Error(
      `${setting}: cannot read the file ${JSON.stringify(path)} ${origin}: ${reason}; ` +
        "allowed: the path of a file that this process may read",
    );
  }
}

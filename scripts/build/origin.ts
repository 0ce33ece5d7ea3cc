/**
 * What a build is made of: the commit and its date. They come from git; where there is no history, as in an archive
 * or a container's build, from the environment. SOURCE_DATE_EPOCH, as reproducible builds have it, is the
 * date in any case.
 */

export interface Origin {
  /** The commit's hash; with `-dirty` behind it where what is shipped is not as committed. */
  readonly commit: string;
  readonly date: Date;
}

export const COMMIT_VARIABLE = "SKEIN_BUILD_COMMIT";
export const DATE_VARIABLE = "SOURCE_DATE_EPOCH";

/** What decides the content of a build: a change in one of these that is not committed makes it dirty. */
const SHIPPED = ["src", "scripts/build", "deno.json", "deno.lock", "LICENSE"];

/**
 * @param root of the repository
 * @throws {Error} when neither git nor the environment knows; its message says what to set
 */
export async function readOrigin(
  root: string,
  environment: (name: string) => string | undefined = (name) => Deno.env.get(name),
): Promise<Origin> {
  const commit = environment(COMMIT_VARIABLE);
  const epoch = environment(DATE_VARIABLE);
  const date = epoch === undefined ? null : dateOf(epoch);
  if (commit !== undefined && !/^[0-9a-f]{7,64}(?:-dirty)?$/.test(commit)) {
    throw new Error(`${COMMIT_VARIABLE} is no commit's hash: ${JSON.stringify(commit)}`);
  }
  if (commit !== undefined && date !== null) return { commit, date };
  const known = await originOfGit(root);
  return { commit: commit ?? known.commit, date: date ?? known.date };
}

function dateOf(epoch: string): Date {
  const date = new Date(/^\d+$/.test(epoch) ? Number(epoch) * 1_000 : NaN);
  if (!Number.isNaN(date.getTime())) return date;
  throw new Error(`${DATE_VARIABLE} is not a count of seconds: ${JSON.stringify(epoch)}`);
}

async function originOfGit(root: string): Promise<Origin> {
  const [hash = "", seconds = ""] = (await git(root, "log", "-1", "--format=%H %ct")).split(" ");
  // Where our files were put into somebody else's repository, its commits say nothing of them.
  const folderWithin = await git(root, "rev-parse", "--show-prefix");
  if (folderWithin !== "") throw unknownOrigin("it knows another project's history");
  const seen = ["--porcelain", "--untracked-files=normal"];
  const changes = await git(root, "status", ...seen, "--", ...SHIPPED);
  return { commit: changes === "" ? hash : `${hash}-dirty`, date: dateOf(seconds) };
}

async function git(root: string, ...args: readonly string[]): Promise<string> {
  let complaint: string;
  try {
    const { code, stdout, stderr } = await new Deno.Command("git", {
      args: ["-C", root, ...args],
    }).output();
    if (code === 0) return new TextDecoder().decode(stdout).trim();
    complaint = new TextDecoder().decode(stderr).trim().split("\n")[0] ?? `exit code ${code}`;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    complaint = "git is not installed";
  }
  throw unknownOrigin(complaint);
}

function unknownOrigin(reason: string): Error {
  return new Error(
    `which commit this is, git does not say (${reason}): ` +
      `set ${COMMIT_VARIABLE}=<hash> and ${DATE_VARIABLE}=<seconds since 1970>`,
  );
}

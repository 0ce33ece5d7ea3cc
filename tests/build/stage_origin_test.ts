/** Of which commit a build is: from git, from the environment, or a message that says what to set. */
import assert from "node:assert/strict";
import { readOrigin } from "../../scripts/build/origin.ts";
import { withDirectory } from "../with_directory.ts";

const environment = (variables: Readonly<Record<string, string>>) => (name: string) =>
  variables[name];

async function git(root: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("git", {
    args: ["-C", root, "-c", "user.name=Ann", "-c", "user.email=ann@example.org", ...args],
    env: { GIT_COMMITTER_DATE: "1700000000 +0200", GIT_AUTHOR_DATE: "1600000000 +0000" },
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

Deno.test("git names the commit and when it was made; what is not committed is dirty", async () => {
  await withDirectory(async (root) => {
    await Deno.mkdir(`${root}/src`);
    await Deno.writeTextFile(`${root}/src/main.ts`, "1");
    await git(root, "init", "--quiet");
    await git(root, "add", ".");
    await git(root, "commit", "--quiet", "--message", "first");
    const commit = await git(root, "rev-parse", "HEAD");
    const date = new Date(1_700_000_000_000);
    assert.deepEqual(await readOrigin(root, environment({})), { commit, date });

    await Deno.writeTextFile(`${root}/notes.txt`, "not shipped");
    assert.equal((await readOrigin(root, environment({}))).commit, commit);
    await Deno.writeTextFile(`${root}/src/more.ts`, "2");
    // Whoever has this does not want to be told of new files; they are shipped all the same.
    await git(root, "config", "status.showUntrackedFiles", "no");
    assert.equal((await readOrigin(root, environment({}))).commit, `${commit}-dirty`);

    const later = environment({ SOURCE_DATE_EPOCH: "1800000000" });
    assert.deepEqual(await readOrigin(root, later), {
      commit: `${commit}-dirty`,
      date: new Date(1_800_000_000_000),
    });
  });
});

Deno.test("without a history the environment says it, or the message says what to set", async () => {
  await withDirectory(async (root) => {
    const known = environment({ SKEIN_BUILD_COMMIT: "abcdef1", SOURCE_DATE_EPOCH: "1700000000" });
    assert.deepEqual(await readOrigin(root, known), {
      commit: "abcdef1",
      date: new Date(1_700_000_000_000),
    });
    for (const half of [{}, { SKEIN_BUILD_COMMIT: "abcdef1" }, { SOURCE_DATE_EPOCH: "17" }]) {
      await assert.rejects(readOrigin(root, environment(half)), {
        message: /not a git repository.*SKEIN_BUILD_COMMIT=<hash> and SOURCE_DATE_EPOCH=<seconds/,
      });
    }
  });
});

Deno.test("a history that is another project's does not count", async () => {
  await withDirectory(async (outer) => {
    await git(outer, "init", "--quiet");
    await git(outer, "commit", "--quiet", "--allow-empty", "--message", "theirs");
    const root = `${outer}/vendor/skein`;
    await Deno.mkdir(root, { recursive: true });
    await assert.rejects(readOrigin(root, environment({})), {
      message: /it knows another project's history.*SKEIN_BUILD_COMMIT=<hash>/,
    });
  });
});

Deno.test("a commit or a date that is none is refused", async () => {
  const wrong = [
    { SKEIN_BUILD_COMMIT: "main", SOURCE_DATE_EPOCH: "1" },
    { SKEIN_BUILD_COMMIT: "", SOURCE_DATE_EPOCH: "1" },
    { SKEIN_BUILD_COMMIT: "abcdef1", SOURCE_DATE_EPOCH: "today" },
    { SKEIN_BUILD_COMMIT: "abcdef1", SOURCE_DATE_EPOCH: "99999999999999999" },
  ];
  for (const variables of wrong) {
    await assert.rejects(readOrigin("/", environment(variables)), {
      message: /is no commit's hash|is not a count of seconds/,
    });
  }
});

/**
 * `deno task test:redis [PATH …] [FLAGS]`: every test that starts peers, folder by folder, with their state in a real
 * redis-server that fsyncs every write, and the tests of the storage in Redis. The server is one of its own, gone with
 * the run, or that of SKEIN_TEST_REDIS. Paths and flags are those of `deno task test`.
 */
import { REDIS_MISSING, RedisServer } from "../tests/redis_server.ts";
import { findTests, KEEPS_STATE } from "./skein_tests.ts";
import { runInTurn, splitArguments, type TestArguments, type TestRun } from "./test_run.ts";

const FOLDERS = ["storage", "cache", "peer", "http", "client", "cli", "integration", "e2e"];
/** A database stands for a data directory, and tests remove theirs. */
const DATABASES = 4_096;

/** @throws {Error} where there is no such test */
async function runsOf({ paths, flags }: TestArguments): Promise<ReadonlyMap<string, TestRun>> {
  const tests = await findTests(
    paths.length > 0 ? paths : FOLDERS.map((folder) => `tests/${folder}`),
    KEEPS_STATE,
  );
  if (tests.length === 0) throw new Error(`no test in ${paths.join(", ")} starts peers`);
  const folders = Map.groupBy(tests, (path) => path.slice(0, path.lastIndexOf("/")));
  return new Map([...folders].map(([folder, paths]) => [folder, { paths, flags }]));
}

/** @returns the exit code */
async function main(): Promise<number> {
  const runs = await runsOf(splitArguments(Deno.args));
  if (Deno.env.has("SKEIN_TEST_REDIS")) return await runInTurn(runs);
  if (REDIS_MISSING !== null) throw new Error(REDIS_MISSING);
  // Ctrl-C reaches the tests themselves; here it only must not end what removes the server.
  Deno.addSignalListener("SIGINT", () => {});
  const server = await RedisServer.start("--databases", String(DATABASES));
  try {
    const environment = { SKEIN_TEST_REDIS: server.url };
    return await runInTurn(
      new Map([...runs].map(([folder, run]) => [folder, { ...run, environment }])),
    );
  } finally {
    await server.remove();
  }
}

try {
  Deno.exit(await main());
} catch (error) {
  console.error(`test:redis: ${error instanceof Error ? error.message : error}`);
  Deno.exit(1);
}

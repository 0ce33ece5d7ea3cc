/**
 * Where the peers of tests keep their state: in the embedded log, or in the redis-server that SKEIN_TEST_REDIS names
 * (`deno task test:redis` starts one). There each data directory is a database of that server's, so that what holds of
 * directories holds of databases: two of them share nothing, one that is used again has what was in it, and when the
 * test has removed the directory, its database is wiped and becomes another's.
 */
import { dirname } from "node:path";

/** Null: the embedded log. */
export const TESTED_REDIS: string | null = Deno.env.get("SKEIN_TEST_REDIS") ?? null;

/** In database 0, which is nobody's: directory → its database, and above which directory it lives. */
const DATABASES = "skein-tests:databases";
const LAST = "skein-tests:last";

interface Database {
  readonly number: number;
  /** The database is free once this is gone: the directory itself is never made where the state is in Redis. */
  readonly livesIn: string;
}

const known = new Map<string, string>();

/**
 * A test of what the embedded log's files are on a disk: with the state in Redis it is left out.
 * @param why why it says nothing of a state in Redis; shown where it is left out
 */
export function logTest(
  name: string,
  why: string,
  fn: (test: Deno.TestContext) => void | Promise<void>,
): void {
  const ignore = TESTED_REDIS !== null;
  Deno.test({ name: ignore ? `${name} (left out with Redis: ${why})` : name, ignore, fn });
}

/** What a process that keeps its state in a directory is given, so that it keeps it where tests are to. */
export function stateEnvironment(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Record<string, string> {
  const [command] = args;
  if (TESTED_REDIS === null || (command !== "run" && command !== "cluster")) return {};
  const isChosen = args.some((word) => /^--redis(?:=|$)/.test(word)) ||
    Object.keys(environment).some((name) => /^REDIS_(?:URL|HOST)/.test(name));
  const directory = directoryOf(args) ?? environment["DATA_DIR"];
  return isChosen || directory === undefined ? {} : { REDIS_URL: databaseUrl(directory) };
}

/** The URL of the database that stands for a directory. */
export function databaseUrl(directory: string): string {
  const url = known.get(directory) ?? `${TESTED_REDIS}/${databaseOf(directory)}`;
  known.set(directory, url);
  return url;
}

/** As if the data directory were removed, wherever the state is: whoever starts with it starts anew. */
export async function removeState(directory: string): Promise<void> {
  if (TESTED_REDIS === null) await Deno.remove(directory, { recursive: true });
  else ask(databaseOf(directory), "FLUSHDB");
}

function directoryOf(args: readonly string[]): string | undefined {
  const at = args.findLastIndex((word) => /^--data(?:=|$)/.test(word));
  if (at < 0) return undefined;
  return args[at] === "--data" ? args[at + 1] : args[at]!.slice("--data=".length);
}

function databaseOf(directory: string): number {
  const [found = ""] = ask(0, "HGET", DATABASES, directory);
  const number = found === "" ? freeDatabase() : (JSON.parse(found) as Database).number;
  if (found === "") {
    const database: Database = { number, livesIn: nearestThere(directory) };
    ask(0, "HSET", DATABASES, directory, JSON.stringify(database));
  }
  return number;
}

/** One that nobody needs any more, wiped, or another one. Tests of two processes may ask at once. */
function freeDatabase(): number {
  const entries = ask(0, "HGETALL", DATABASES);
  for (let at = 0; at + 1 < entries.length; at += 2) {
    const { number, livesIn } = JSON.parse(entries[at + 1]!) as Database;
    if (isThere(livesIn) || ask(0, "HDEL", DATABASES, entries[at]!)[0] !== "1") continue;
    ask(number, "FLUSHDB");
    return number;
  }
  return Number(ask(0, "INCR", LAST)[0]);
}

function nearestThere(path: string): string {
  return isThere(path) || dirname(path) === path ? path : nearestThere(dirname(path));
}

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Processes are started without waiting, so neither is this. @returns the lines of the reply */
function ask(database: number, ...command: readonly string[]): readonly string[] {
  const { success, stdout, stderr } = new Deno.Command("redis-cli", {
    args: ["-e", "-u", `${TESTED_REDIS}/${database}`, ...command],
  }).outputSync();
  const [said, wrong] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (!success) {
    throw new Error(
      `SKEIN_TEST_REDIS, database ${database}, a server of many: ${said}${wrong}`,
    );
  }
  return said!.trimEnd().split("\n");
}

/** Mutants of the state in Redis: who may write, what is one step, what is assumed of writes in doubt. */
import { type Mutant, test } from "./mutant.ts";

const DOUBT = test("tests/storage/redis_doubt_test.ts");
const ERRORS = test("tests/storage/redis_errors_test.ts");
const CONFORMANCE = test("tests/storage/redis_test.ts");
const CORE = test("tests/peer/core_test.ts");

export const REDIS_MUTANTS: readonly Mutant[] = [
  {
    name: "redis: the fence is not compared",
    file: "src/storage/redis/scripts.ts",
    search: `if state[1] ~= ARGV[1] then`,
    replace: `if state[1] ~= ARGV[1] and false then`,
    caughtBy: [DOUBT],
  },
  {
    name: "redis: a peer whose state was taken stays beside who took it",
    file: "src/peer/core.ts",
    search: `    if (error instanceof StorageTakenError) return this.#fatal(error);
`,
    replace: "",
    caughtBy: [CORE],
  },
  {
    name: "redis: a state that went back passes for one that was taken",
    file: "src/storage/redis/session_failures.ts",
    search: `if (Number(found) > Number(fence)) {`,
    replace: `if (fence !== "") {`,
    caughtBy: [DOUBT],
  },
  {
    name: "redis: taking the state gives no new fence",
    file: "src/storage/redis/scripts.ts",
    search: `redis.call('HINCRBY', KEYS[1], 'fence', ARGV[5])`,
    replace: `redis.call('HINCRBY', KEYS[1], 'fence', 0)`,
    caughtBy: [DOUBT],
  },
  {
    name: "redis: a state that went back is taken with the fence that it had before",
    file: "src/storage/redis/scripts.ts",
    search: `redis.call('HINCRBY', KEYS[1], 'fence', ARGV[5])`,
    replace: `redis.call('HINCRBY', KEYS[1], 'fence', 1)`,
    caughtBy: [DOUBT],
  },
  {
    name: "redis: another database than the one that was asked for is written to",
    file: "src/storage/redis/redis_client.ts",
    search: `if (database !== 0) await client.callBuffer("SELECT", String(database));`,
    replace: `if (database !== 0) {
    await client.callBuffer("SELECT", String(database)).catch(() => {});
  }`,
    caughtBy: [ERRORS],
  },
  {
    name: "redis: the number of the batch before is not compared",
    file: "src/storage/redis/scripts.ts",
    search: `if state[2] ~= ARGV[2] then`,
    replace: `if state[2] ~= ARGV[2] and false then`,
    caughtBy: [DOUBT],
  },
  {
    name: "redis: the length of a file is not compared",
    file: "src/storage/redis/scripts.ts",
    search: `if length ~= tonumber(ARGV[5]) then`,
    replace: `if length < 0 then`,
    caughtBy: [DOUBT],
  },
  {
    name: "redis: a batch is counted before it is sure that it can be written",
    file: "src/storage/redis/scripts.ts",
    search: `local length = redis.call('STRLEN', KEYS[3])`,
    replace: `redis.call('HSET', KEYS[1], 'batch', ARGV[3])
local length = redis.call('STRLEN', KEYS[3])`,
    caughtBy: [DOUBT],
  },
  {
    name: "redis: what was in doubt is taken for written",
    file: "src/storage/redis/redis_session.ts",
    search: `if (pending.batch !== null && pending.batch <= batch) this.#answered(pending, null);`,
    replace: `if (pending.batch !== null) this.#answered(pending, null);`,
    caughtBy: [DOUBT],
  },
  {
    name: "redis: what was in doubt is taken for lost",
    file: "src/storage/redis/redis_session.ts",
    search: `if (pending.batch !== null && pending.batch <= batch) this.#answered(pending, null);`,
    replace: `if (pending.batch !== null && batch < 0) this.#answered(pending, null);`,
    caughtBy: [DOUBT],
  },
  {
    name: "redis: what was not answered is not sent again",
    file: "src/storage/redis/redis_session.ts",
    search: `for (const pending of [...this.#pending]) this.#send(connection, pending);`,
    replace: ``,
    caughtBy: [DOUBT],
  },
  {
    name: "redis: a server that was rolled back is gone on with",
    file: "src/storage/redis/owner.ts",
    search: `if (memory.batch > 0 && `,
    replace: `if (memory.batch < 0 && `,
    caughtBy: [DOUBT],
  },
  {
    name: "redis: another process does not learn of a rollback",
    file: "src/storage/redis/owner.ts",
    search: `      await session.ask("HSET", keys.state, "refused", reason);`,
    replace: ``,
    caughtBy: [DOUBT],
  },
  {
    name: "redis: durable before Redis has confirmed it",
    file: "src/storage/redis/redis_file_system.ts",
    search: `  sync(): Promise<void> {
    return this.#session.settled();`,
    replace: `  sync(): Promise<void> {
    return Promise.resolve();`,
    caughtBy: [DOUBT],
  },
  {
    name: "redis: an owner that lives is replaced",
    file: "src/storage/redis/owner.ts",
    search: `if (leftMs > leftBeforeMs) throw this.#inUse(owner);`,
    replace: `if (leftMs > leftBeforeMs) return owner;`,
    caughtBy: [DOUBT, CONFORMANCE],
  },
  {
    name: "redis: another format is read all the same",
    file: "src/storage/redis/owner.ts",
    search: `if (isEmpty || format === String(REDIS_FORMAT)) return;`,
    replace: `if (isEmpty || format !== "") return;`,
    caughtBy: [ERRORS],
  },
  {
    name: "redis: a server that may lose what it confirmed passes for durable",
    file: "src/storage/redis/redis_place.ts",
    search: `if (requireDurable && first !== undefined) {`,
    replace: `if (requireDurable && first === "") {`,
    caughtBy: [ERRORS],
  },
];

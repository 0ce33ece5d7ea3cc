/**
 * Mutants of what the cache keeps to where there is no room, a replica lags, or it ends; and of its routes over HTTP.
 */
import { type Mutant, test } from "./mutant.ts";

const LIMITS = [test("tests/cache/lines_limits_test.ts")];
const ROOM = [test("tests/cache/home_room_test.ts")];
const HTTP = [test("tests/http/cache_test.ts")];

export const CACHE_BOUNDS_MUTANTS: readonly Mutant[] = [
  {
    name: "a read that is denied is asked for again at once",
    file: "src/cache/line_waits.ts",
    search: `wish === "owned" || ask.wish === "shared";`,
    replace: `wish === "owned";`,
    caughtBy: LIMITS,
  },
  {
    name: "a replica that lags tells lines what group time is",
    file: "src/cache/line_uses.ts",
    search: `return Math.max(toldMs, timeMs(partition.partition) ?? 0);`,
    replace: `return timeMs(partition.partition) ?? toldMs;`,
    caughtBy: LIMITS,
  },
  {
    name: "the bytes of what a peer gave up are not bounded",
    file: "src/cache/line_table.ts",
    search: ` || this.#owedBytes >= LIMITS.cacheOwedBytesMax;`,
    replace: `;`,
    caughtBy: LIMITS,
  },
  {
    name: "lines of a cache that has ended are used on",
    file: "src/cache/lease_keeper.ts",
    search: `for (const { lease } of this.#partitions.values()) lease.end();`,
    replace: ``,
    caughtBy: LIMITS,
  },
  {
    name: "a full home leaves what is over where it is",
    file: "src/cache/home_room.ts",
    search: `if (!this.#isClearing && machine.hasDue(timeMs())) this.#clear();`,
    replace: ``,
    caughtBy: ROOM,
  },
  {
    name: "a full home grants Exclusive to who only reads",
    file: "src/cache/directory.ts",
    search: `(others.length === 0 && !this.#home.isFull);`,
    replace: `others.length === 0;`,
    caughtBy: ROOM,
  },
  {
    name: "a cached value keeps the frame that it came in",
    file: "src/cache/message_codec.ts",
    search: `return view.length * 2 < view.buffer.byteLength ? view.slice() : view;`,
    replace: `return view;`,
    caughtBy: [test("tests/cache/messages_test.ts")],
  },
  {
    name: "a cached value keeps the body that it was put in",
    file: "src/http/json_field.ts",
    search: `new Uint8Array(object.subarray(found.start, found.end));`,
    replace: `object.subarray(found.start, found.end) as Uint8Array<ArrayBuffer>;`,
    caughtBy: HTTP,
  },
  {
    name: "if_version null over HTTP writes over whatever there is",
    file: "src/http/cache_put.ts",
    search: `ifVersion: if_version,`,
    replace: `ifVersion: if_version ?? undefined,`,
    caughtBy: HTTP,
  },
  {
    name: "the keys of a full home grow without bound",
    file: "src/cache/home_room.ts",
    search: `machine.settled(key) === null ? machine.isFull : machine.isOverfull;`,
    replace: `machine.settled(key) === null && machine.isFull;`,
    caughtBy: ROOM,
  },
  {
    name: "a peer writes under the name of another grant",
    file: "src/cache/message_codec.ts",
    search: `  return version.write > 0 && sameGrant(version, grant);`,
    replace: `  return version.write > 0 && sameGrant(grant, grant);`,
    caughtBy: [test("tests/cache/messages_test.ts")],
  },
  {
    name: "one key's callers take the place of all others",
    file: "src/cache/home_desk.ts",
    search: `if (waiting < LIMITS.cacheKeyJobsMax || underWay(asked) !== null)`,
    replace: `if (waiting >= 0 || underWay(asked) !== null)`,
    caughtBy: [test("tests/cache/home_desk_test.ts")],
  },
];

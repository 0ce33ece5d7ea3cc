/** Mutants of the cache in front of Redis: who may write, what is known, and when lines must go. */
import { type Mutant, test } from "./mutant.ts";

const FOLDER = "tests/cache/redis";
const FRONT = test(`${FOLDER}/front_test.ts`);
const WATCH = test(`${FOLDER}/watch_test.ts`);
const TERM = test(`${FOLDER}/term_test.ts`);
const BACKING = test(`${FOLDER}/backing_test.ts`);
const ERRORS = test(`${FOLDER}/errors_test.ts`);
const OUTAGE = test(`${FOLDER}/outage_test.ts`);
const FORM = test(`${FOLDER}/value_form_test.ts`);

export const CACHE_REDIS_MUTANTS: readonly Mutant[] = [
  {
    name: "cache in front of redis: a write does not look at the term",
    file: "src/cache/redis/front_scripts.ts",
    search: `if term ~= ARGV[1] then return redis`,
    replace: `if term == '' then return redis`,
    caughtBy: [TERM],
  },
  {
    name: "cache in front of redis: an earlier term takes the place of a later one",
    file: "src/cache/redis/front_scripts.ts",
    search: `if term and (tonumber(term) or 0) > tonumber(ARGV[1]) then`,
    replace: `if term and (tonumber(term) or 0) < 0 then`,
    caughtBy: [TERM],
  },
  {
    name: "cache in front of redis: a home reads before its term is said",
    file: "src/cache/redis/term_store.ts",
    search: `    try {
      await this.#claim();
      const names`,
    replace: `    try {
      const names`,
    caughtBy: [TERM],
  },
  {
    name: "cache in front of redis: a lost term is said again by who may be no home",
    file: "src/cache/redis/term_store.ts",
    search: `if (this.#wasClaimed && !mayGrant()) {`,
    replace: `if (this.#wasClaimed && mayGrant() === null) {`,
    caughtBy: [TERM],
  },
  {
    name: "cache in front of redis: an older write takes the place of a later one",
    file: "src/cache/redis/front_scripts.ts",
    search: `if order <= 0 then return {0, 0} end`,
    replace: `if order <= -9007199254740991 then return {0, 0} end`,
    caughtBy: [TERM],
  },
  {
    name: "cache in front of redis: a removal leaves no version",
    file: "src/cache/redis/front_scripts.ts",
    search: `  redis.call('DEL', KEYS[2])`,
    replace: `  redis.call('DEL', KEYS[2])
  return {1, existed}`,
    caughtBy: [TERM],
  },
  {
    name: "cache in front of redis: a key of another type is overwritten",
    file: "src/cache/redis/front_scripts.ts",
    search: `if kind ~= 'none' and kind ~= 'string' then`,
    replace: `if kind == 'stream' then`,
    caughtBy: [ERRORS],
  },
  {
    name: "cache in front of redis: what is changed behind an own write is not told of",
    file: "src/cache/redis/front_scripts.ts",
    search: `redis.call('STRLEN', KEYS[2])
return {1, existed}`,
    replace: `return {1, existed}`,
    caughtBy: [FRONT],
  },
  {
    name: "cache in front of redis: a ttl of the cache is none in Redis",
    file: "src/cache/redis/front_scripts.ts",
    search: `redis.call('SET', KEYS[2], ARGV[6], 'PX', ARGV[7])`,
    replace: `redis.call('SET', KEYS[2], ARGV[6])`,
    caughtBy: [FRONT],
  },
  {
    name: "cache in front of redis: one's own writes are changes by others",
    file: "src/cache/redis/change_watch.ts",
    search: `"redirect", id, "noloop");`,
    replace: `"redirect", id);`,
    caughtBy: [FRONT],
  },
  {
    name: "cache in front of redis: that a server tells of changes is believed",
    file: "src/cache/redis/change_watch.ts",
    search: `return isToldOfSet && await this.#isTold("del", this.#probeKey);`,
    replace: `return isToldOfSet;`,
    caughtBy: [WATCH],
  },
  {
    name: "cache in front of redis: a connection that is made anew is as if nothing had passed by",
    file: "src/cache/redis/front_link.ts",
    search: `    this.#listener.stale();
    this.#beatLater();`,
    replace: `    this.#beatLater();`,
    caughtBy: [WATCH],
  },
  {
    name: "cache in front of redis: lines last for ever while Redis is away",
    file: "src/cache/redis/front_link.ts",
    search: `this.#staleTimer = clock.timer(leftMs, () => this.#listener.stale());`,
    replace: `this.#staleTimer = clock.timer(leftMs, () => {});`,
    caughtBy: [OUTAGE],
  },
  {
    name: "cache in front of redis: a connection that hangs is taken to live",
    file: "src/cache/redis/front_link.ts",
    search: `      return this.#lost(lines.commands, error as Error);
    }
    if`,
    replace: `      if (error === null) return;
    }
    if`,
    caughtBy: [OUTAGE],
  },
  {
    name: "cache in front of redis: what was changed while it was read is known",
    file: "src/cache/redis/redis_backing.ts",
    search: `    if (doubt.isCast) return null;`,
    replace: ``,
    caughtBy: [BACKING],
  },
  {
    name: "cache in front of redis: what was changed while it was written is known",
    file: "src/cache/redis/redis_backing.ts",
    search: `if (outcome.isWritten && !doubt.isCast)`,
    replace: `if (outcome.isWritten)`,
    caughtBy: [BACKING],
  },
  {
    name: "cache in front of redis: a comparison does not wait for what was on its way",
    file: "src/cache/redis/redis_backing.ts",
    search: `      await ended;
`,
    replace: ``,
    caughtBy: [BACKING],
  },
  {
    name: "cache in front of redis: what is known stays known while nothing is told",
    file: "src/cache/redis/redis_backing.ts",
    search: `    this.#doubts.castAll();
    this.#known.clear();`,
    replace: `    this.#doubts.castAll();`,
    caughtBy: [BACKING],
  },
  {
    name: "cache in front of redis: lines of a former home are current",
    file: "src/cache/redis/redis_backing.ts",
    search: `readonly isOwn = false;`,
    replace: `readonly isOwn = true;`,
    caughtBy: [FRONT],
  },
  {
    name: "cache in front of redis: a removal does not wait for what was handed over to it",
    file: "src/cache/redis/front_tasks.ts",
    search: `    if (handedOver !== null) this.#edges.writeBack({ key, ...handedOver });`,
    replace: ``,
    caughtBy: [BACKING],
  },
  {
    name: "cache in front of redis: who waits for a write-back is not told that it cannot be done",
    file: "src/cache/home_changes.ts",
    search: `    for (const peer of owners) letters.send(`,
    replace: `    for (const peer of owners) if (peer === "") letters.send(`,
    caughtBy: [ERRORS],
  },
  {
    name: "cache in front of redis: written through is written back",
    file: "src/cache/service.ts",
    search: `const durable = put.durable || this.#front?.writesThrough === true;`,
    replace: `const durable = put.durable;`,
    caughtBy: [FRONT],
  },
  {
    name: "cache in front of redis: a string that looks like a number is stored bare",
    file: "src/cache/redis/value_form.ts",
    search: `return text.isWellFormed() && !isJson(text);`,
    replace: `return text.isWellFormed();`,
    caughtBy: [FORM],
  },
  {
    name: "cache in front of redis: what is older than Redis leaves its line",
    file: "src/cache/redis/redis_backing.ts",
    search: `      else this.#forget(key);`,
    replace: `      else this.#known.delete(key);`,
    caughtBy: [BACKING],
  },
  {
    name: "cache in front of redis: who waits behind what is in the way hears nothing",
    file: "src/cache/redis/front_writes.ts",
    search: `    if (general === null) return;`,
    replace: `    if (general === null || general.code !== "") return;`,
    caughtBy: [BACKING],
  },
  {
    name: "a write-back that is sent again waits beside itself",
    file: "src/cache/directory.ts",
    search: `    if (writes.some((write) => sameWrite(write, { ...by, version }))) return;`,
    replace: ``,
    caughtBy: [test("tests/cache/home_changes_test.ts")],
  },
  {
    name:
      "cache in front of redis: who is under way is granted a line beside those of before a change",
    file: "src/cache/directory.ts",
    search: `const isPutBack = current !== null && "peer" in current;`,
    replace: `const isPutBack = current !== null && "none" in current;`,
    caughtBy: [test("tests/cache/home_changes_test.ts")],
  },
  {
    name: "cache in front of redis: a time that no date can name is one",
    file: "src/cache/redis/term_store.ts",
    search: `leftMs: left >= 0 && left <= LEFT_MAX_MS ? left : null`,
    replace: `leftMs: left >= 0 ? left : null`,
    caughtBy: [TERM],
  },
  {
    name: "cache in front of redis: what is tried again for long goes behind a later write",
    file: "src/cache/redis/redis_backing.ts",
    search: `if (isSettled(version, this.settled(key))) return;`,
    replace: ``,
    caughtBy: [BACKING],
  },
];

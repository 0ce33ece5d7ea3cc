/**
 * The protocol in every order: small worlds whole, larger ones by random ways. What happens in the small ones is the
 * table of `src/cache/transitions.md`; `UPDATE=1`, or `-- --update`, writes it anew: then review the difference.
 * `CACHE_WALKS=1000000` wanders that often.
 */
import assert from "node:assert/strict";
import { Random } from "../../src/random.ts";
import { type Budgets, firstWorld, NO_BUDGETS, type Observer } from "./model_world.ts";
import { explore, wander } from "./explore.ts";
import { TransitionTable } from "./transition_table.ts";

const UPDATE = Deno.env.get("UPDATE") === "1" || Deno.args.includes("--update");
const WALKS = Number(Deno.env.get("CACHE_WALKS") ?? 6_000);
const MOVES_MAX = 150;
const WORLDS_MAX = 200_000;
const TABLE = new URL("../../src/cache/transitions.md", import.meta.url);
const WATCH_NOTHING: Observer = { line() {}, entry() {} };

/** What may happen how often: few enough that every order of it is seen. */
const WHOLE: Record<string, { readonly peers: number; readonly budgets: Partial<Budgets> }> = {
  "two peers write and read": { peers: 2, budgets: { asks: 3, writes: 2, reads: 1, flushes: 1 } },
  "three peers want one key": { peers: 3, budgets: { asks: 2, writes: 1, flushes: 1 } },
  "an eviction meets a recall": {
    peers: 2,
    budgets: { asks: 2, writes: 1, flushes: 1, evictions: 1, duplicates: 1 },
  },
  "a key is deleted while it is written": {
    peers: 2,
    budgets: { asks: 2, writes: 1, reads: 1, removals: 1, flushes: 1, losses: 1 },
  },
  "a key is invalidated": {
    peers: 2,
    budgets: { asks: 2, writes: 1, flushes: 1, invalidations: 1 },
  },
  "leases end": { peers: 2, budgets: { asks: 2, writes: 1, lapses: 1, homeLapses: 1, reports: 1 } },
  "a peer crashes": {
    peers: 2,
    budgets: { asks: 2, writes: 1, flushes: 1, crashes: 1, reports: 1 },
  },
  "the home moves, and the former one lives on": {
    peers: 2,
    budgets: { asks: 2, writes: 1, reads: 1, elections: 1, reports: 2 },
  },
};

const transitions = new TransitionTable();

for (const [name, { peers, budgets }] of Object.entries(WHOLE)) {
  Deno.test(`cache model, every order: ${name}`, () => {
    const explored = explore(
      firstWorld(peers, { ...NO_BUDGETS, ...budgets }),
      transitions,
      WORLDS_MAX,
    );
    assert.ok(explored.complete, `${name}: more than ${WORLDS_MAX} worlds`);
  });
}

Deno.test("cache model: what happened in every order is the table in the docs", () => {
  const text = Deno.readTextFileSync(TABLE);
  const begin = text.indexOf("## The line at a peer");
  assert.ok(begin >= 0, "the document has the tables");
  const rendered = transitions.render();
  if (UPDATE) Deno.writeTextFileSync(TABLE, text.slice(0, begin) + rendered);
  else assert.equal(text.slice(begin), rendered);
});

Deno.test("cache model: random ways with every fault break no promise", () => {
  for (let seed = 1; seed <= WALKS; seed++) {
    const random = new Random(seed);
    const world = firstWorld(seed % 2 === 0 ? 2 : 3, randomBudgets(random));
    try {
      wander(world, WATCH_NOTHING, random, MOVES_MAX);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
});

function randomBudgets(random: Random): Budgets {
  return {
    asks: random.integer(2, 8),
    writes: random.integer(1, 6),
    reads: random.integer(0, 6),
    flushes: random.integer(0, 6),
    evictions: random.integer(0, 3),
    removals: random.integer(0, 2),
    invalidations: random.integer(0, 1),
    losses: random.integer(0, 3),
    duplicates: random.integer(0, 2),
    lapses: random.integer(0, 2),
    homeLapses: random.integer(0, 2),
    elections: random.integer(0, 3),
    reports: random.integer(0, 12),
    crashes: random.integer(0, 2),
  };
}

/**
 * Schedules in which a simpler protocol breaks a promise, each followed to where it gets dangerous; from there on every
 * order of what is left is explored.
 */
import assert from "node:assert/strict";
import { explore, follow } from "./explore.ts";
import { type Budgets, firstWorld, NO_BUDGETS, type Observer } from "./model_world.ts";

const WATCH_NOTHING: Observer = { line() {}, entry() {} };
const WORLDS_MAX = 20_000;

interface Schedule {
  readonly budgets: Partial<Budgets>;
  readonly moves: readonly string[];
}

const OWNED_BY_B = [
  "B asks: owned",
  "ask from B to A of term 1",
  "granted from A to B of term 1",
];
const SHARED_WITH_B = [
  "B asks: shared",
  "ask from B to A of term 1",
  "granted from A to B of term 1",
];
/** C is the new home, B has a lease with it, and A does not know. */
const C_BECOMES_HOME = [
  "C becomes home, with 0 more entries",
  "B reports to C in term 2",
  "report from B to C of term 2",
  "leased from C to B of term 2",
];

const SCHEDULES: Record<string, Schedule> = {
  "a former home grants a line elsewhere that its holder has brought to the new home": {
    budgets: { asks: 2, writes: 1, elections: 1, reports: 2 },
    moves: [
      ...SHARED_WITH_B,
      ...C_BECOMES_HOME,
      "B's former lease ends",
      "A of term 1 takes B's lease for ended",
      "A asks: owned",
    ],
  },
  "a write-back from before the former lease ended arrives when the home is rebuilt": {
    budgets: {
      asks: 3,
      writes: 1,
      reads: 1,
      flushes: 1,
      homeLapses: 1,
      elections: 1,
      reports: 2,
      crashes: 1,
    },
    moves: [
      ...OWNED_BY_B,
      "B writes",
      ...C_BECOMES_HOME,
      "B flushes",
      "B's former lease ends",
      "A of term 1 takes B's lease for ended",
      "A asks: shared",
      "A reads",
      "A crashes",
      "C of term 2: older leases are over",
    ],
  },
  "a line whose write was given up is reported behind the one that came after it": {
    budgets: { asks: 3, writes: 2, elections: 1, reports: 3 },
    moves: [
      ...OWNED_BY_B,
      "B writes",
      "C becomes home, with 0 more entries",
      "B reports to C in term 2",
      "B's former lease ends",
      "A of term 1 takes B's lease for ended",
      "A asks: owned",
      "A writes",
      "A reports to C in term 2",
      "report from A to C of term 2",
    ],
  },
  "an acknowledgement that S was kept arrives again when I is asked for": {
    budgets: { asks: 3, writes: 2, duplicates: 1 },
    moves: [
      ...OWNED_BY_B,
      "B writes",
      "C asks: shared",
      "ask from C to A of term 1",
      "recall from A to B of term 1",
      "twice: acknowledge from B to A of term 1",
      "A of term 1 commits",
      "granted from A to C of term 1",
    ],
  },
  "a write that was handed over and removed is owed still when the home moves": {
    budgets: { asks: 2, writes: 1, removals: 1, losses: 1, flushes: 1, elections: 1, reports: 3 },
    moves: [
      ...OWNED_BY_B,
      "B writes",
      "A of term 1: remove",
      "recall from A to B of term 1",
      "acknowledge from B to A of term 1",
      "A of term 1 commits",
      "lost: confirmed from A to B of term 1",
    ],
  },
  "a line is recalled while its upgrade is on its way": {
    budgets: { asks: 3, writes: 2, evictions: 1 },
    moves: [
      "C asks: shared",
      "ask from C to A of term 1",
      "granted from A to C of term 1",
      ...SHARED_WITH_B.slice(0, 2),
      "recall from A to C of term 1",
      "acknowledge from C to A of term 1",
      "granted from A to B of term 1",
      "B asks: owned",
      "ask from B to A of term 1",
    ],
  },
};

for (const [name, { budgets, moves }] of Object.entries(SCHEDULES)) {
  Deno.test(`cache schedule: ${name}`, () => {
    const world = follow(firstWorld(3, { ...NO_BUDGETS, ...budgets }), WATCH_NOTHING, moves);
    const explored = explore(world, WATCH_NOTHING, WORLDS_MAX);
    assert.ok(explored.worlds > 1, "something is left to happen");
  });
}

/** Breadth-first through all worlds that moves lead to, each once; the shortest way to a broken promise is told. */
import type { Random } from "../../src/random.ts";
import { cyrb53, textOf } from "./state_hash.ts";
import type { Observer, World } from "./model_world.ts";
import { checkQuiet, checkWorld, movesOf } from "./model_moves.ts";

export interface Explored {
  readonly worlds: number;
  /** Whether nothing was left out. */
  readonly complete: boolean;
  /** The depth that was reached. */
  readonly depth: number;
}

interface Step {
  readonly world: World;
  readonly name: string;
  readonly before: Step | null;
}

/**
 * @param worldsMax where it stops, telling that it is not complete
 * @throws {Error} with the moves that lead to a broken promise
 */
export function explore(first: World, observer: Observer, worldsMax: number): Explored {
  const seen = new Set<number>([keyOf(first)]);
  let level: Step[] = [{ world: first, name: "begin", before: null }];
  for (let depth = 0;; depth++) {
    const next: Step[] = [];
    for (const step of level) {
      const moves = movesOf(step.world, observer);
      if (moves.length === 0) tellWay(step, () => checkQuiet(step.world));
      for (const { name, run } of moves) {
        const world = tellWay(step, () => checked(run()), name);
        const key = keyOf(world);
        if (seen.has(key)) continue;
        seen.add(key);
        next.push({ world, name, before: step });
        if (seen.size >= worldsMax) return { worlds: seen.size, complete: false, depth };
      }
    }
    if (next.length === 0) return { worlds: seen.size, complete: true, depth };
    level = next;
  }
}

/**
 * One random way of so many moves.
 * @throws {Error} with the moves that lead to a broken promise
 */
export function wander(first: World, observer: Observer, random: Random, movesMax: number): World {
  let step: Step = { world: first, name: "begin", before: null };
  for (let count = 0; count < movesMax; count++) {
    const moves = movesOf(step.world, observer);
    if (moves.length === 0) break;
    const { name, run } = random.pick(moves);
    step = { world: tellWay(step, () => checked(run()), name), name, before: step };
  }
  return step.world;
}

/**
 * Follows one way, by the names of its moves.
 * @throws {Error} where a move is not possible, naming those that are, or a promise is broken
 */
export function follow(first: World, observer: Observer, names: readonly string[]): World {
  let step: Step = { world: first, name: "begin", before: null };
  for (const name of names) {
    const moves = movesOf(step.world, observer);
    const move = moves.find((one) => one.name === name);
    if (move === undefined) {
      const possible = moves.map((one) => one.name).join("\n");
      throw new Error(`${wayTo(step)}\nthen ${name} is not possible, but\n${possible}`);
    }
    step = { world: tellWay(step, () => checked(move.run()), name), name, before: step };
  }
  return step.world;
}

function checked(world: World): World {
  checkWorld(world);
  return world;
}

/** @throws {Error} with the way to where `run` failed */
function tellWay<T>(step: Step, run: () => T, name = ""): T {
  try {
    return run();
  } catch (error) {
    throw new Error(`${wayTo(step)}\n${name}\n${JSON.stringify(step.world)}`, { cause: error });
  }
}

function wayTo(step: Step): string {
  const names: string[] = [];
  for (let at: Step | null = step; at !== null; at = at.before) names.push(at.name);
  return names.reverse().join("\n");
}

function keyOf({ peers, homes, leaseHolders, network, nextId, store, ghost, left }: World): number {
  const parts = [...peers, ...homes].map(textOf);
  parts.push(textOf(ghost), textOf(left), textOf(store), leaseHolders.join(), String(nextId));
  return cyrb53(parts.join() + network.map(textOf).sort().join());
}

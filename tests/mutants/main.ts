/**
 * `deno task mutants`: plants each mutant in a copy of the tree and requires that the tests notice. At
 * most two run at a time. Exit code 0: all caught; 1: some survived or do not fit; 2: wrong use, or
 * the tests fail without any mutant.
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Random } from "../../src/random.ts";
import type { Catcher, Mutant } from "./mutant.ts";
import { MUTANTS } from "./mutants.ts";
import { type Caught, nameOf, TreeCopy } from "./tree_copy.ts";

const USAGE = `deno task mutants [FLAGS]
  --list            names them, each with its file
  --only NAME       plants one alone
  --sample N        plants so many, others every day, or those of --seed S
  --budget SECONDS  begins no further one after that
  --limit SECONDS   of each run of tests (180)`;
const PARALLEL = 2;
const REPOSITORY = new URL("../..", import.meta.url);

interface Options {
  readonly chosen: readonly Mutant[];
  readonly budgetMs: number;
  readonly limitMs: number;
}

function parse(list: readonly string[]) {
  return parseArgs({
    args: [...list],
    options: {
      help: { type: "boolean" },
      list: { type: "boolean" },
      only: { type: "string" },
      sample: { type: "string" },
      seed: { type: "string" },
      budget: { type: "string" },
      limit: { type: "string" },
    },
  }).values;
}

function readOptions(
  list: readonly string[],
): Options | "help" | "list" | { readonly wrong: string } {
  let values: ReturnType<typeof parse>;
  try {
    values = parse(list);
  } catch (error) {
    return { wrong: `${(error as Error).message}\n${USAGE}` };
  }
  if (values.help) return "help";
  if (values.list) return "list";
  const named = MUTANTS.filter(({ name }) => values.only === undefined || name === values.only);
  if (named.length === 0) return { wrong: `no mutant is named "${values.only}"; see --list` };
  // By default another sample every day.
  const seed = Number(values.seed ?? Math.floor(Date.now() / 86_400_000));
  return {
    chosen: values.sample === undefined ? named : sampleOf(named, Number(values.sample), seed),
    budgetMs: Number(values.budget ?? Infinity) * 1000,
    limitMs: Number(values.limit ?? 180) * 1000,
  };
}

function sampleOf(mutants: readonly Mutant[], size: number, seed: number): readonly Mutant[] {
  const random = new Random(seed);
  const rest = [...mutants];
  const sample: Mutant[] = [];
  while (sample.length < size && rest.length > 0) {
    sample.push(...rest.splice(random.integer(0, rest.length - 1), 1));
  }
  return sample;
}

/** Runs `work` over all items, a few at a time, each worker with a tree of its own. */
async function overTrees<T>(
  items: readonly T[],
  work: (tree: TreeCopy, item: T) => Promise<void>,
): Promise<void> {
  const waiting = [...items];
  await Promise.all(
    Array.from({ length: Math.min(PARALLEL, items.length) }, async () => {
      const tree = await TreeCopy.make(pathOf(REPOSITORY));
      try {
        for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
          await work(tree, item);
        }
      } finally {
        await tree.remove();
      }
    }),
  );
}

function pathOf(url: URL): string {
  return fileURLToPath(url);
}

/** A catcher that fails on the sound tree would catch everything. */
async function failuresWithoutMutant({ chosen, limitMs }: Options): Promise<readonly string[]> {
  const catchers = new Map<string, Catcher>();
  for (const { caughtBy } of chosen) {
    for (const catcher of caughtBy) catchers.set(nameOf(catcher), catcher);
  }
  const failures: string[] = [];
  await overTrees([...catchers.values()], async (tree, catcher) => {
    const failure = await tree.run(catcher, limitMs);
    if (failure !== null) failures.push(`${failure.by}\n${failure.lastLines}`);
  });
  return failures;
}

async function run(options: Options): Promise<number> {
  const { chosen, budgetMs, limitMs } = options;
  const failures = await failuresWithoutMutant(options);
  if (failures.length > 0) {
    for (const failure of failures) say(`fails without any mutant: ${failure}`);
    return 2;
  }
  const startedMs = performance.now();
  const counts = { caught: 0, survived: 0, unfit: 0, notTried: 0 };
  let done = 0;
  await overTrees(chosen, async (tree, mutant) => {
    if (performance.now() - startedMs > budgetMs) {
      counts.notTried++;
      return;
    }
    const outcome = await tree.try(mutant, limitMs);
    counts[outcome.kind]++;
    say(`${++done}/${chosen.length}  ${mutant.name}: ${describe(outcome)}`);
  });
  const { caught, survived, unfit, notTried } = counts;
  const rest = notTried > 0 ? `, ${notTried} not tried within the budget` : "";
  say(`${caught} caught, ${survived} survived, ${unfit} do not fit the source${rest}`);
  return survived + unfit > 0 ? 1 : 0;
}

function describe(outcome: Caught): string {
  switch (outcome.kind) {
    case "caught":
      return `caught by ${outcome.by}`;
    case "survived":
      return "SURVIVED: a test is missing";
    case "unfit":
      return `DOES NOT FIT: ${outcome.why}`;
  }
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

const options = readOptions(Deno.args);
if (options === "help") {
  say(USAGE);
} else if (options === "list") {
  for (const { name, file } of MUTANTS) say(`${name}  (${file})`);
} else if ("wrong" in options) {
  say(options.wrong);
  Deno.exit(2);
} else {
  Deno.exit(await run(options));
}

/**
 * The rules under which the cache is never stale, each broken by itself. The simulator has a fault of its own for each
 * (`tests/sim/cache_nemesis.ts`), and shows what comes of it in a whole cluster; a narrow test shows it as well.
 */
import type { CacheFault } from "../sim/fault_rates.ts";
import { cacheSim, type Catcher, type Mutant, test } from "./mutant.ts";

type Edit = Pick<Mutant, "name" | "file" | "search" | "replace">;

interface Rule extends Edit {
  /** What makes the schedules that it is there for. */
  readonly fault: CacheFault;
  /** The one test that is about this rule. */
  readonly narrow: string;
}

const RULES: readonly Rule[] = [
  {
    fault: "stale home",
    name: "a home grants without its home lease",
    file: "src/cache/home.ts",
    search:
      `    return isOwnLive(this.leasedFrom, this.#times.homeMs, momentOf(this.#edges.clock));`,
    replace: `    return this.leasedFrom !== null;`,
    narrow: "tests/cache/home_lease_test.ts",
  },
  {
    fault: "late home",
    name: "the home's own lines live without its home lease",
    file: "src/cache/peer_lease.ts",
    search: `    this.#end = endOf(own.leasedFrom, this.#times.homeMs);
    return lasts`,
    replace: `    this.#end = endOf({ monotonicMs, wallMs }, this.#times.homeMs);
    return lasts`,
    narrow: "tests/cache/lines_leases_test.ts",
  },
  {
    fault: "late home",
    name: "a write-back is committed in whatever term",
    file: "src/cache/machine.ts",
    search: `    if (command.term !== term) {`,
    replace: `    if (command.term > term) {`,
    narrow: "tests/cache/machine_test.ts",
  },
  {
    fault: "moved home",
    name: "a new home grants before all lease holders have reported",
    file: "src/cache/home_term.ts",
    search: `  const isRebuilt = leaseHolders.length === 0;`,
    replace: `  const isRebuilt = leaseHolders.length >= 0;`,
    narrow: "tests/cache/home_lease_test.ts",
  },
  {
    fault: "late renewal",
    name: "a renewal counts from its answer",
    file: "src/cache/lease_keeper.ts",
    search: `    const sent = this.#sent.get(serial);
    if (sent !== undefined`,
    replace: `    const sent = this.#sent.has(serial) ? this.#now() : undefined;
    if (sent !== undefined`,
    narrow: "tests/cache/lines_leases_test.ts",
  },
  {
    fault: "late write-back",
    name: "a home logs a write-back that is not of the current grant",
    file: "src/cache/directory.ts",
    search: `      this.#effects.push({ kind: "refuse", peer, grant, version });
    }
  }

  /**
   * Logs it`,
    replace: `      this.#write({ peer, grant, keeps, rides: false }, content, false);
    }
  }

  /**
   * Logs it`,
    narrow: "tests/cache/home_lease_test.ts",
  },
  {
    fault: "late eviction",
    name: "an evicted dirty line is forgotten before it is confirmed",
    file: "src/cache/line.ts",
    search: `      line: { ...NO_LINE, owed: { grant: grant!, content: written, sentMs: nowMs } },
      effects: [{ kind: "writeBack", grant: grant!, content: written, keeps: "nothing" }],`,
    replace: `      line: NO_LINE,
      effects: [{ kind: "writeBack", grant: grant!, content: written, keeps: "nothing" }],`,
    narrow: "tests/cache/line_test.ts",
  },
  {
    fault: "asleep holder",
    name: "a peer's own lease ends by one clock alone",
    file: "src/cache/peer_lease.ts",
    search: `return monotonicMs < end.monotonicMs && wallMs < end.wallMs;`,
    replace: `return monotonicMs < end.monotonicMs;`,
    narrow: "tests/cache/lines_leases_test.ts",
  },
];

/** In which a fault strikes often enough, where nothing else disturbs the cluster. */
const SEEDS = 24;

function mutant(
  { narrow: _narrow, fault: _fault, ...edit }: Rule,
  where: string,
  caughtBy: Catcher,
): Mutant {
  return { ...edit, name: `${edit.name}${where}`, caughtBy: [caughtBy] };
}

export const CACHE_RULES_MUTANTS: readonly Mutant[] = RULES.flatMap((rule) => [
  mutant(rule, "", cacheSim(SEEDS, rule.fault)),
  mutant(rule, ", at one peer", test(rule.narrow)),
]);

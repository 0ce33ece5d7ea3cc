import { encodeCacheCommand } from "../../src/cache/commands.ts";
import { CacheMachine } from "../../src/cache/machine.ts";
import { testMachineConformance } from "../groups/machine_conformance.ts";
import { HeldValues } from "../groups/held_values.ts";
import { randomCacheCommand } from "./cache_commands.ts";

testMachineConformance("cache", {
  make: () => new CacheMachine(new HeldValues()),
  body: (random) => {
    const timeMs = random.integer(1_000, 60_000);
    return encodeCacheCommand(randomCacheCommand(random, { term: 1, timeMs }));
  },
});

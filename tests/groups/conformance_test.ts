/** The conformance suite on the tests' own machine: what it asks can be met. */
import { testMachineConformance } from "./machine_conformance.ts";
import { TallyMachine } from "./tally_machine.ts";

testMachineConformance("tally machine", {
  make: () => new TallyMachine(),
  body: (random) =>
    random.pick([
      ["add", `name-${random.integer(1, 50)}`, random.integer(1, 9)],
      ["wait", "", random.integer(1, 5_000)],
      ["refuse"],
    ]),
});

/** The conformance suite on the tests' own machines: what it asks can be met. */
import { testMachineConformance } from "./machine_conformance.ts";
import { ParcelMachine } from "./parcel_machine.ts";
import { PlainValues } from "./plain_values.ts";
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

testMachineConformance("parcel machine", {
  make: () => new ParcelMachine(new PlainValues()),
  body: (random) => {
    const name = `name-${random.integer(1, 30)}`;
    return random.chance(0.3)
      ? ["drop", name]
      : ["put", name, new Uint8Array(random.integer(0, 9))];
  },
});

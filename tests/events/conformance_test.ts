import { encodeEventCommand } from "../../src/events/commands.ts";
import { EventsMachine } from "../../src/events/machine.ts";
import { testMachineConformance } from "../groups/machine_conformance.ts";
import { HeldValues } from "../groups/held_values.ts";
import { commandOf, randomCommand } from "./event_commands.ts";

testMachineConformance("events", {
  make: () => new EventsMachine(new HeldValues()),
  body: (random) => encodeEventCommand(commandOf(randomCommand(random, 400))),
});

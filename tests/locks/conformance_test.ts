import { encodeLockCommand } from "../../src/locks/commands.ts";
import { LockMachine } from "../../src/locks/machine.ts";
import { testMachineConformance } from "../groups/machine_conformance.ts";
import { randomLockCommand } from "./lock_commands.ts";

testMachineConformance("locks machine", {
  make: () => new LockMachine(),
  body: (random) => encodeLockCommand(randomLockCommand(random)),
});

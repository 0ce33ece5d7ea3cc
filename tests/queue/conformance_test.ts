import { encodeQueueCommand } from "../../src/queue/commands.ts";
import { QueueMachine } from "../../src/queue/machine.ts";
import { testMachineConformance } from "../groups/machine_conformance.ts";
import { HeldValues } from "../groups/held_values.ts";
import { randomQueueCommand } from "./queue_commands.ts";

const BOUNDS = { messagesMax: 60, bytesMax: 900, dedupMax: 12 };

testMachineConformance("queue", {
  make: () => new QueueMachine(new HeldValues()),
  body: (random) => {
    const receipts = [{ number: random.integer(1, 400), delivery: random.integer(1, 400) }];
    const known = { group: 0, receipts, bounds: BOUNDS };
    return encodeQueueCommand(randomQueueCommand(random, known));
  },
});

/** Mutants of the queue that the simulator must catch by what its clients see, whatever the tests of parts say. */
import { type Mutant, sim } from "./mutant.ts";

export const QUEUE_SIM_MUTANTS: readonly Mutant[] = [
  {
    name: "what is acknowledged at its first delivery is ready again",
    file: "src/queue/message_moves.ts",
    search: `    lane.totals.acknowledged++;
    this.#state.leave(slot);
    this.#state.drop(slot);`,
    replace: `    lane.totals.acknowledged++;
    this.#state.leave(slot);
    if (this.#state.messages.attempts(slot) === 1) this.#state.toReady(slot);
    else this.#state.drop(slot);`,
    caughtBy: [sim()],
  },
  {
    name: "what was not acknowledged in time is gone",
    file: "src/queue/message_moves.ts",
    search:
      `    if (isInFlight && this.#attemptsOf(slot, lane).isLast) return this.#die(slot, lane, null);`,
    replace: `    if (isInFlight) {
      lane.totals.expired++;
      return this.#state.drop(slot);
    }`,
    caughtBy: [sim()],
  },
  {
    name: "priorities count for nothing",
    file: "src/queue/ready_order.ts",
    search: `    const priority = this.#messages.priority(slot);
    return this.#bands`,
    replace: `    const priority = this.#messages.priority(slot) * 0;
    return this.#bands`,
    caughtBy: [sim()],
  },
  {
    name: "a message is delivered before its delay is over",
    file: "src/queue/publishing.ts",
    search: `this.#state.toDelayed(slot, timeMs + delayMs, number);`,
    replace: `this.#state.toDelayed(slot, timeMs + delayMs / 10, number);`,
    caughtBy: [sim()],
  },
  {
    name: "an id is stored as often as it comes",
    file: "src/queue/publishing.ts",
    search:
      `if (text !== null && (this.#isKnown(known) || this.#isGiven(text))) duplicates.push(place);`,
    replace: `if (text !== null && this.#isGiven(text)) duplicates.push(place);`,
    caughtBy: [sim()],
  },
  {
    name: "numbers begin anew with a snapshot",
    file: "src/queue/queue_rows.ts",
    search: `  state.nextNumber = nextNumber;`,
    replace: `  state.nextNumber = nextNumber - nextNumber % 8 + 1;`,
    caughtBy: [sim()],
  },
  {
    name: "a visibility timeout ends at once",
    file: "src/queue/machine.ts",
    search: `const untilMs = context.timeMs + (command.visibilityMs ?? lane.options.visibilityMs);`,
    replace:
      `const untilMs = context.timeMs + (command.visibilityMs ?? lane.options.visibilityMs) / 8;`,
    caughtBy: [sim()],
  },
];

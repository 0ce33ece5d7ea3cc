/**
 * Reads and writes that wait for their lines, each with a deadline. All that want one line wait for one request, and
 * are served in order the moment it is granted, before whatever message follows: so a line that is wanted everywhere
 * brings everybody forward, who would else find it recalled again.
 */
import type { Clock } from "../clock.ts";
import { SkeinError } from "../errors.ts";
import type { Deadline, Deadlines } from "../groups/deadlines.ts";
import { LIMITS } from "../limits.ts";
import type { LineOperation, LineSlot } from "./line_slot.ts";
import type { LineSteps } from "./line_steps.ts";
import type { LineTable } from "./line_table.ts";
import type { LineUses } from "./line_uses.ts";
import type { PartitionLines } from "./partition_lines.ts";

export interface LineWaitsEdges {
  readonly clock: Clock;
  readonly table: LineTable;
  readonly steps: LineSteps;
  readonly uses: LineUses;
  readonly deadlines: Deadlines;
  /** An ask that is not answered after so long is sent again. */
  readonly againMs: number;
  /** Somebody needs a lease in the partition. */
  want(partition: PartitionLines): void;
}

export class LineWaits {
  readonly #edges: LineWaitsEdges;
  readonly #waiting = new Set<LineSlot>();
  readonly #deadlines = new Map<LineOperation, Deadline>();
  #requests = 0;
  #closed: SkeinError | null = null;

  constructor(edges: LineWaitsEdges) {
    this.#edges = edges;
  }

  /** The operation has its answer, or fails, at the latest when its time is over. */
  add(slot: LineSlot, operation: LineOperation, timeoutMs: number): void {
    const full = this.#deadlines.size >= LIMITS.cacheWaitersMax;
    const what = `${this.#deadlines.size} reads and writes wait for lines at this peer`;
    const refusal = full ? new SkeinError("TOO_MANY_REQUESTS", what) : this.#closed;
    if (refusal !== null) {
      this.#edges.table.forgetIfEmpty(slot);
      return operation.fail(refusal);
    }
    const late = () => this.#late(slot, operation);
    this.#deadlines.set(operation, this.#edges.deadlines.arm(timeoutMs, late));
    slot.operations.push(operation);
    this.#waiting.add(slot);
    this.serve(slot);
  }

  /** Nothing of it waits any more. */
  #over(operation: LineOperation): void {
    this.#edges.deadlines.disarm(this.#deadlines.get(operation)!);
    this.#deadlines.delete(operation);
  }

  #late(slot: LineSlot, operation: LineOperation): void {
    this.#deadlines.delete(operation);
    slot.operations = slot.operations.filter((other) => other !== operation);
    if (slot.operations.length === 0) this.#waiting.delete(slot);
    this.#edges.table.forgetIfEmpty(slot);
    const what = `the line of ${JSON.stringify(slot.key)} could not be had in time`;
    operation.fail(this.#closed ?? new SkeinError("UNAVAILABLE", what));
  }

  /** Whoever can be answered is, and for the others the line is asked for. */
  serve(slot: LineSlot): void {
    if (slot.operations.length > 0 && this.#edges.uses.isUsable(slot)) this.#attempt(slot);
    if (slot.operations.length > 0) return this.#ask(slot);
    this.#waiting.delete(slot);
    this.#edges.table.forgetIfEmpty(slot);
  }

  #attempt(slot: LineSlot): void {
    const { operations } = slot;
    slot.operations = [];
    for (const operation of operations) {
      if (operation.attempt(slot)) this.#over(operation);
      else slot.operations.push(operation);
    }
  }

  #ask(slot: LineSlot): void {
    const { partition, line, operations } = slot;
    if (!partition.lease.mayAsk) return this.#edges.want(partition);
    if (line.ask !== null || (line.state === "I" && this.#edges.table.owesMuch)) return;
    const wish = operations.some((one) => one.wish === "owned") ? "owned" : "shared";
    this.#edges.steps.step(slot, { kind: "ask", wish, request: ++this.#requests });
  }

  /** All that wait, of one partition or of all: a line may rest, and asks and their answers may be lost. */
  serveAll(partition: PartitionLines | null): void {
    const nowMs = this.#edges.clock.monotonicMs();
    for (const slot of [...this.#waiting]) {
      if (partition !== null && slot.partition !== partition) continue;
      const isOld = slot.line.ask !== null && nowMs - slot.askedMs >= this.#edges.againMs;
      if (isOld) this.#edges.steps.askAgain(slot);
      else this.serve(slot);
    }
  }

  /**
   * The home grants nothing: whoever wants what was asked for is refused. Readers may still be served where it was to
   * write; refused themselves they would be again as soon as they ask.
   * @param error null: it has no room
   */
  denied(slot: LineSlot, request: number, error: SkeinError | null): void {
    const { ask } = slot.line;
    if (ask?.request !== request) return;
    const isDenied = ({ wish }: LineOperation) => wish === "owned" || ask.wish === "shared";
    const denied = slot.operations.filter(isDenied);
    slot.operations = slot.operations.filter((operation) => !isDenied(operation));
    const what = `partition ${slot.partition.partition} holds as many keys as it can`;
    for (const operation of denied) {
      this.#over(operation);
      operation.fail(error ?? new SkeinError("TOO_MANY_REQUESTS", what));
    }
    this.#edges.steps.step(slot, { kind: "failed", request });
  }

  /** Nobody waits for this line any more. */
  failAll(slot: LineSlot, error: SkeinError): void {
    for (const operation of slot.operations.splice(0)) {
      this.#over(operation);
      operation.fail(error);
    }
    this.#waiting.delete(slot);
  }

  /** Nobody waits any more. @param reason what those are told who did */
  close(reason: SkeinError): void {
    this.#closed = reason;
    for (const slot of [...this.#waiting]) this.failAll(slot, reason);
  }
}

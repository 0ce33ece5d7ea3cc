/**
 * One user of a service in the simulation: works through peers at random, again and again until it is stopped, and puts
 * everything it saw into a history. What it does is its service's: `cache_client.ts` and the others.
 */
import { type Called, Caller, type CallerEdges } from "./caller.ts";
import type { Operation } from "./linearizability.ts";

export interface ClientEdges<Input> extends CallerEdges {
  readonly history: Operation<Input>[];
  /** Mean time between two operations. */
  readonly thinkMs: number;
}

export abstract class SimulatedClient<Input, Edges extends ClientEdges<Input>> {
  protected readonly name: string;
  protected readonly edges: Edges;
  protected readonly caller: Caller;

  constructor(name: string, edges: Edges) {
    this.name = name;
    this.edges = edges;
    this.caller = new Caller(name, edges);
  }

  /** Resolves after `stop`, when the operation under way has ended. */
  run(): Promise<void> {
    return this.caller.run(this.edges.thinkMs, () => this.operate());
  }

  stop(): void {
    this.caller.stop();
  }

  /** Does one thing. */
  protected abstract operate(): Promise<void>;

  protected get nowMs(): number {
    return this.edges.scheduler.nowMs;
  }

  /** @param returnMs when it ended; infinite where it may have an effect for ever */
  protected push(callMs: number, input: Input, returnMs = this.nowMs): void {
    this.edges.history.push({ callMs, input, returnMs });
  }

  /** What was called and had its outcome, known or not. */
  protected record(callMs: number, input: Input, { kind }: Called<unknown>): void {
    this.push(callMs, input, kind === "unknown" ? Infinity : this.nowMs);
  }
}

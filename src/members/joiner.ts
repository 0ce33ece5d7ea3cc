/**
 * The part of an empty peer that meets a formed cluster: it ties itself to that one, durably, before it
 * asks to be added. Otherwise a lost answer and a crash could make it a member of two clusters.
 */
import { assert } from "../assert.ts";
import { clustersMet } from "./candidates.ts";
import type { FormationContext } from "./formation_context.ts";
import type { JoinAnswer } from "./formation_effect.ts";
import { ambiguousStatus } from "./formation_status.ts";

/** How long a peer waits before it asks again. */
const ASK_AGAIN_MS = 1_000;

export class Joiner {
  readonly #context: FormationContext;
  #underWay = false;
  #attempts = 0;
  #askFromMs = 0;
  /** What the cluster last said against adding this peer; null where nothing. */
  refusal: string | null = null;

  constructor(context: FormationContext) {
    this.#context = context;
  }

  /** @returns whether a formed cluster was met, so that this peer forms none */
  advanceEmpty(): boolean {
    const clusters = clustersMet(this.#context.met);
    const [clusterId] = clusters;
    if (clusterId === undefined) return false;
    if (clusters.size === 1) this.#context.write({ kind: "joining", clusterId });
    else this.#context.logOnce("error", ambiguousStatus(clusters));
    return true;
  }

  advanceJoining(clusterId: string): void {
    const { met, nowMs } = this.#context;
    if (this.#underWay || nowMs < this.#askFromMs) return;
    const members = [...met].filter(([, hello]) => hello.clusterId === clusterId);
    if (members.length === 0) return;
    // Another one at each attempt: the last one may itself be out of touch with its cluster.
    const [through] = members[this.#attempts++ % members.length]!;
    this.#underWay = true;
    this.#context.emit({ kind: "join", through, clusterId });
  }

  answered(answer: JoinAnswer): void {
    const { state, nowMs } = this.#context;
    assert(state.kind === "joining" && this.#underWay, "nobody was asked to add this peer");
    this.#underWay = false;
    if (answer.ok) {
      const { clusterId } = state;
      const joined = { kind: "joined", clusterId } as const;
      return this.#context.write(joined, () => this.#context.emit(joined));
    }
    this.#askFromMs = nowMs + ASK_AGAIN_MS;
    this.refusal = answer.message;
    if (answer.message !== null) this.#context.logOnce("error", `not added: ${answer.message}`);
  }
}

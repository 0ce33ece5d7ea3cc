/**
 * Who calls for votes when partitions begin: each one's preferred leader, as soon as a majority of its replicas has
 * begun, so that nobody waits for an election timeout. A founder that has begun says so in its hello.
 */
import type { PeerId } from "../raft/entry.ts";
import { firstReplicasOf } from "./first_replicas.ts";
import type { FormationPlan } from "./plan.ts";

export class FirstCampaigns {
  readonly #plan: FormationPlan;
  /** Partitions that this peer is to lead and that have too few replicas yet. */
  #waiting: { readonly partition: number; readonly replicas: readonly PeerId[] }[] = [];

  /** @param self has just begun the groups of the plan */
  constructor(plan: FormationPlan, self: PeerId) {
    this.#plan = plan;
    for (let partition = 1; partition <= plan.partitions; partition++) {
      const replicas = firstReplicasOf(plan, partition);
      if (replicas[0] === self) this.#waiting.push({ partition, replicas });
    }
  }

  /**
   * @param clusterOf the cluster that a peer, this one too, says it belongs to; null where it says none
   * @returns partitions that can elect this peer now, each once
   */
  due(clusterOf: (peer: PeerId) => string | null): readonly number[] {
    if (this.#waiting.length === 0) return [];
    const { clusterId, members } = this.#plan;
    const begun = new Set(members.map(({ id }) => id).filter((id) => clusterOf(id) === clusterId));
    const canElect = (replicas: readonly PeerId[]) =>
      replicas.filter((peer) => begun.has(peer)).length * 2 > replicas.length;
    const due = this.#waiting.filter(({ replicas }) => canElect(replicas));
    this.#waiting = this.#waiting.filter(({ replicas }) => !canElect(replicas));
    return due.map(({ partition }) => partition);
  }
}

/**
 * Watches how partitions are moved, at every step, from outside: whatever faults meet, each change of a group's
 * configuration is one replica's, who becomes a voter was a learner, and no change leaves fewer voters, or fewer that
 * run, than the cluster can offer. Where partitions come to lie in the end is judged in `placement_convergence.ts`.
 */
import type { GroupStatus } from "../../src/groups/groups.ts";
import type { Configuration, PeerId, Replica } from "../../src/raft/entry.ts";
import { SafetyViolation } from "./raft_checker.ts";

/** What the checker needs to know of the cluster. */
export interface PlacementWorld {
  /** Replicas that each partition is wanted on, by the view of whoever wants the fewest. */
  wantedMin(): number;
  /** Whether its process has been away for so long that everybody must have noticed. */
  isLongGone(peer: PeerId): boolean;
  /** Id of the peer's replica of the group; null where it has none; undefined while its process is away. */
  replicaOf(peer: PeerId, group: number): number | null | undefined;
}

interface Led {
  readonly leader: PeerId;
  readonly term: number;
  readonly configuration: Configuration;
}

export class PlacementChecker {
  readonly #world: PlacementWorld;
  /** By group: what its last leader had. */
  readonly #led = new Map<number, Led>();
  /** Changes of voters that were seen. */
  changes = 0;

  constructor(world: PlacementWorld) {
    this.#world = world;
  }

  /** @throws {SafetyViolation} */
  observe(leader: PeerId, { group, term, role, configuration }: GroupStatus): void {
    if (role !== "leader" || group === 0) return;
    const led = this.#led.get(group);
    if (led?.configuration === configuration) return;
    const isSame = led?.leader === leader && led.term === term;
    if (isSame && configuration.index > led.configuration.index) {
      this.#check(group, led.configuration, configuration);
    }
    if (led === undefined || term >= led.term) {
      this.#led.set(group, { leader, term, configuration });
    }
  }

  #check(group: number, former: Configuration, next: Configuration): void {
    const learnersAdded = without(next.learners, allOf(former));
    if (learnersAdded.length > 1) this.#fail(group, "two learners were added at once", next);
    // A joint configuration is left by the core itself, and was judged when it was entered.
    if (former.votersOutgoing.length > 0) return;
    const before = former.voters;
    const added = without(next.voters, before);
    const removed = without(before, next.voters);
    if (added.length > 1 || removed.length > 1) {
      this.#fail(group, "more than one voter was changed at once", next);
    }
    if (added.length + removed.length === 0) return;
    this.changes++;
    for (const replica of added) this.#checkPromoted(group, former, replica, next);
    const wanted = this.#world.wantedMin();
    if (next.voters.length < Math.min(before.length, wanted)) {
      this.#fail(group, `fewer voters than before, and than ${wanted}`, next);
    }
    const running = (voters: readonly Replica[]) =>
      voters.filter(({ peer }) => !this.#world.isLongGone(peer)).length;
    if (running(next.voters) < Math.min(running(before), wanted - 1)) {
      this.#fail(group, `too few of its voters run`, next);
    }
  }

  /** It was a learner, and has begun; how much of the log it may lack is the driver's to say. */
  #checkPromoted(
    group: number,
    former: Configuration,
    { peer, replica }: Replica,
    next: Configuration,
  ) {
    const isLearner = former.learners.some((other) =>
      other.peer === peer && other.replica === replica
    );
    if (!isLearner) this.#fail(group, `${peer} became a voter and was no learner`, next);
    const present = this.#world.replicaOf(peer, group);
    if (present === undefined || present === replica) return;
    this.#fail(group, `${peer} became a voter and has not begun`, next);
  }

  #fail(group: number, what: string, next: Configuration): never {
    throw new SafetyViolation(`partition ${group}: ${what}: ${JSON.stringify(next)}`);
  }
}

function allOf({ voters, votersOutgoing, learners }: Configuration): readonly Replica[] {
  return [...voters, ...votersOutgoing, ...learners];
}

function without(replicas: readonly Replica[], others: readonly Replica[]): readonly Replica[] {
  return replicas.filter(({ peer, replica }) =>
    !others.some((other) => other.peer === peer && other.replica === replica)
  );
}

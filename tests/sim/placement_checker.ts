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
  /** By group and index of its configuration: the fewest replicas that a driver wanted since it came to be. */
  readonly #fewestWanted = new Map<string, number>();
  /** Changes of voters that were seen. */
  changes = 0;

  constructor(world: PlacementWorld) {
    this.#world = world;
  }

  /**
   * A driver may decide now. It decides on the configuration as it is, but its change may be long on its way, and
   * others may be wanted when it is made.
   * @param wanted replicas that each partition is wanted on, by its view
   */
  drives(wanted: number): void {
    for (const [configuration, fewest] of this.#fewestWanted) {
      if (wanted < fewest) this.#fewestWanted.set(configuration, wanted);
    }
  }

  /** @throws {SafetyViolation} */
  observe(leader: PeerId, { group, term, role, configuration }: GroupStatus): void {
    if (role !== "leader" || group === 0) return;
    const led = this.#led.get(group);
    if (led?.configuration === configuration) return;
    const name = nameOf(group, configuration);
    if (!this.#fewestWanted.has(name)) this.#fewestWanted.set(name, Infinity);
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
    const wanted = this.#fewestWanted.get(nameOf(group, former)) ?? Infinity;
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

function nameOf(group: number, { index }: Configuration): string {
  return `${group}:${index}`;
}

function allOf({ voters, votersOutgoing, learners }: Configuration): readonly Replica[] {
  return [...voters, ...votersOutgoing, ...learners];
}

function without(replicas: readonly Replica[], others: readonly Replica[]): readonly Replica[] {
  return replicas.filter(({ peer, replica }) =>
    !others.some((other) => other.peer === peer && other.replica === replica)
  );
}

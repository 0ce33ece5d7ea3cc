/**
 * The partitions of a cluster without Raft: each group has voters, learners that catch up by and by, and a
 * leader. Peers come, die, come back, drain and are removed; `settle` decides and carries out until nothing
 * is left to do, and checks every change on the way.
 */
import assert from "node:assert/strict";
import { type Wanted, WantedPlacement } from "../../src/members/wanted.ts";
import type { Member } from "../../src/members/state.ts";
import {
  decide,
  type GroupView,
  operationsOf,
  type PeersView,
  type PlacementAction,
} from "../../src/placement/decide.ts";
import { schedule } from "../../src/placement/schedule.ts";
import type { PeerId } from "../../src/raft/entry.ts";
import type { Random } from "../../src/random.ts";
import { replicaOf } from "../members/peers.ts";

interface ModelGroup {
  readonly group: number;
  index: number;
  leader: PeerId;
  voters: readonly PeerId[];
  learners: readonly PeerId[];
  readonly caughtUp: Set<PeerId>;
  /** How many actions it took since this was last set to 0. */
  touched: number;
}

const ROUNDS_MAX = 2_000;

export class ModelCluster {
  readonly members = new Map<PeerId, Member>();
  /** Peers that do not answer, dead by entry or not yet. */
  readonly down = new Set<PeerId>();
  readonly groups: readonly ModelGroup[];
  readonly #random: Random;
  readonly #placement = new WantedPlacement();
  readonly #replicas: number;

  constructor(founders: readonly Member[], partitions: number, replicas: number, random: Random) {
    this.#random = random;
    this.#replicas = replicas;
    for (const member of founders) this.members.set(member.id, member);
    const { placements } = this.#placement.of(founders, partitions, replicas);
    this.groups = placements.map(({ partition, replicas, leader }) => ({
      group: partition,
      index: 1,
      leader: leader!.id,
      voters: replicas.map(({ id }) => id),
      learners: [],
      caughtUp: new Set(replicas.map(({ id }) => id)),
      touched: 0,
    }));
  }

  get wanted(): Wanted {
    return this.#placement.of([...this.members.values()], this.groups.length, this.#replicas);
  }

  change(peer: PeerId, changes: Partial<Member>): void {
    this.members.set(peer, { ...this.members.get(peer)!, ...changes });
  }

  /** It stops at once; those that follow it elect another voter that answers. */
  stop(peer: PeerId): void {
    this.down.add(peer);
    for (const group of this.groups) {
      if (group.leader !== peer) continue;
      const successor = group.voters.find((voter) => !this.down.has(voter));
      if (successor !== undefined) group.leader = successor;
    }
  }

  view(group: ModelGroup): GroupView {
    const { replicas, leader } = this.wanted.placements[group.group - 1]!;
    const replica = (peer: PeerId) => ({ ...replicaOf(1), peer });
    return {
      group: group.group,
      term: 1,
      leader: group.leader,
      configuration: {
        index: group.index,
        voters: group.voters.map(replica),
        votersOutgoing: [],
        learners: group.learners.map(replica),
        learnersNext: [],
      },
      followers: [...group.voters, ...group.learners].filter((peer) => peer !== group.leader)
        .map((peer) => ({
          peer,
          active: !this.down.has(peer),
          caughtUp: !this.down.has(peer) && group.caughtUp.has(peer),
          missingEntries: 0,
        })),
      wanted: replicas.map(({ id }) => id),
      preferredLeader: leader?.id ?? null,
      replicasWanted: this.#replicas,
    };
  }

  get #peers(): PeersView {
    const answers = (peer: PeerId) => !this.down.has(peer);
    const mayReturn = (peer: PeerId) => {
      const member = this.members.get(peer);
      return member !== undefined && member.dead && !member.draining;
    };
    return { answers, takesLeadership: answers, mayReturn };
  }

  /** Decides and acts until nothing is left to do; some actions are lost on the way. */
  settle(): void {
    let rounds = 0;
    while (this.#round()) assert.ok(++rounds < ROUNDS_MAX, "the groups come to lie as wanted");
  }

  /** As `settle`, but stops somewhere on the way. */
  begin(rounds: number): void {
    for (let round = 0; round < rounds; round++) this.#round();
  }

  /** @returns false where nothing was left to do */
  #round(): boolean {
    const views = this.groups.map((group) => this.view(group));
    const isDone = views.every((view) => decide(view, this.#peers) === null) &&
      this.groups.every(({ learners }) => learners.length === 0);
    if (isDone) return false;
    for (const { view, action } of schedule(views, this.#peers, () => false, 0)) {
      if (this.#random.chance(0.75)) this.#carryOut(this.groups[view.group - 1]!, view, action);
    }
    for (const group of this.groups) this.#catchUp(group);
    return true;
  }

  #catchUp(group: ModelGroup): void {
    for (const learner of group.learners) {
      if (!this.down.has(learner) && this.#random.chance(0.3)) group.caughtUp.add(learner);
    }
  }

  #carryOut(group: ModelGroup, view: GroupView, action: PlacementAction): void {
    group.touched++;
    if (action.kind === "lead") {
      assert.ok(group.voters.includes(action.to) && group.caughtUp.has(action.to));
      assert.ok(!this.down.has(action.to));
      group.leader = action.to;
      return;
    }
    const before = group.voters;
    let { voters, learners } = group;
    for (const { kind, peer } of operationsOf(action)!) {
      if (kind === "addLearner") assert.ok(![...voters, ...learners].includes(peer));
      if (kind === "promote") assert.ok(learners.includes(peer) && group.caughtUp.has(peer));
      if (kind === "remove") group.caughtUp.delete(peer);
      voters = voters.filter((voter) => voter !== peer);
      learners = learners.filter((learner) => learner !== peer);
      if (kind === "addLearner") learners = [...learners, peer];
      if (kind === "promote") voters = [...voters, peer];
    }
    assert.ok(learners.length <= 1, "one replica is built at a time");
    this.#checkVoters(before, voters, view.wanted.length);
    group.voters = voters;
    group.learners = learners;
    group.index++;
    if (!voters.includes(group.leader)) {
      group.leader = voters.find((peer) => !this.down.has(peer))!;
    }
  }

  #checkVoters(before: readonly PeerId[], after: readonly PeerId[], wanted: number): void {
    const healthy = (peers: readonly PeerId[]) =>
      peers.filter((peer) => !this.down.has(peer)).length;
    assert.ok(healthy(before) > before.length / 2, "only a group with a majority can change");
    assert.ok(healthy(after) > after.length / 2, "it has a healthy majority afterwards");
    assert.ok(
      healthy(after) >= Math.min(healthy(before), wanted - 1),
      "no fewer than R - 1 are healthy",
    );
    const gone = before.filter((peer) => !after.includes(peer)).length;
    const come = after.filter((peer) => !before.includes(peer)).length;
    assert.ok(gone <= 1 && come <= 1, "one replica at a time");
  }

  /**
   * Every group lies as wanted. Up to R, what lies on the dead is kept where nobody can take its place, and then
   * so is a healthy one without which there would be no majority.
   */
  checkAsWanted(): void {
    for (const { group, voters, learners, leader } of this.groups) {
      const placement = this.wanted.placements[group - 1]!;
      const wanted = placement.replicas.map(({ id }) => id);
      assert.ok(wanted.every((peer) => voters.includes(peer)), `voters of ${group}`);
      const kept = voters.filter((peer) => !wanted.includes(peer));
      const dead = kept.filter((peer) => this.#peers.mayReturn(peer));
      if (kept.length > 0) {
        assert.ok(dead.length > 0 && voters.length <= this.#replicas, `${group} keeps the dead`);
        const healthy = voters.filter((peer) => !this.down.has(peer)).length;
        const isNeeded = healthy - 1 <= (voters.length - 1) / 2;
        assert.ok(kept.length === dead.length || isNeeded, `${group} keeps what it needs`);
      }
      assert.deepEqual(learners, []);
      assert.equal(leader, placement.leader!.id);
    }
  }
}

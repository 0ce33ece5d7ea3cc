import assert from "node:assert/strict";
import type { Member } from "../../src/members/state.ts";
import { Random } from "../../src/random.ts";
import { idOf, memberOf } from "../members/peers.ts";
import { ModelCluster } from "./model_cluster.ts";

const HISTORIES = 150;
const EVENTS = 12;
const PARTITIONS = 16;
const PEERS_MAX = 9;

const ZONES = ["", "a", "b"];

/** What a cluster went through, for a failure's message. */
type History = string[];

class Story {
  readonly cluster: ModelCluster;
  readonly history: History = [];
  readonly #random: Random;
  #born: number;

  constructor(random: Random) {
    const founders = random.integer(1, 4);
    const replicas = random.pick([1, 2, 3, 3, 3, 5]);
    const members = Array.from({ length: founders }, (_, at) => this.#newMember(at + 1, random));
    this.#random = random;
    this.#born = founders;
    this.cluster = new ModelCluster(members, PARTITIONS, replicas, random);
    this.history.push(`${founders} founders, R ${replicas}`);
  }

  #newMember(number: number, random: Random): Member {
    return memberOf(number, { zone: random.pick(ZONES) });
  }

  /** Something happens to the members; nothing where it cannot happen now. */
  step(): boolean {
    const { cluster } = this;
    const all = [...cluster.members.keys()];
    const living = all.filter((peer) => !cluster.members.get(peer)!.dead);
    const peer = this.#random.pick(all);
    const { dead, draining, name } = cluster.members.get(peer)!;
    const owners = living.filter((id) => !cluster.members.get(id)!.draining);
    const isLast = owners.length === 1 && owners[0] === peer;
    switch (this.#random.integer(0, 6)) {
      case 0:
      case 1:
        if (all.length >= PEERS_MAX) return false;
        return this.#note("joins", this.#join());
      case 2:
        // One that is lost of three is no majority; of two it would be.
        if (dead || isLast || this.#holdsMajority(peer)) return false;
        cluster.stop(peer);
        cluster.change(peer, { dead: true });
        return this.#note("dies", name);
      case 3:
        if (!dead) return false;
        cluster.down.delete(peer);
        cluster.change(peer, { dead: false });
        return this.#note("is back", name);
      case 4:
        if (!draining && (isLast || dead)) return false;
        cluster.change(peer, { draining: !draining });
        return this.#note(draining ? "drains no more" : "drains", name);
      case 5:
        cluster.change(peer, { zone: this.#random.pick(ZONES) });
        return this.#note("is in another zone, perhaps", name);
      default:
        if (isLast || all.length === 1 || this.#holdsMajority(peer)) return false;
        cluster.members.delete(peer);
        return this.#note("is removed", name);
    }
  }

  #join(): string {
    const member = this.#newMember(++this.#born, this.#random);
    this.cluster.members.set(member.id, member);
    return member.name;
  }

  #holdsMajority(peer: string): boolean {
    return this.cluster.groups.some(({ voters }) => {
      const others = voters.filter((voter) => voter !== peer && !this.cluster.down.has(voter));
      return voters.includes(peer) && others.length <= voters.length / 2;
    });
  }

  #note(what: string, name: string): true {
    this.history.push(`${name} ${what}`);
    return true;
  }
}

Deno.test("whatever happens to the members, the groups come to lie as wanted, and no others are touched", () => {
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const random = new Random(seed);
    const story = new Story(random);
    const { cluster } = story;
    try {
      for (let event = 0; event < EVENTS; event++) {
        const before = cluster.wanted.placements;
        const keptDead = new Set<number>();
        for (const group of cluster.groups) {
          group.touched = 0;
          const { length } = before[group.group - 1]!.replicas;
          if (group.voters.length !== length) keptDead.add(group.group);
        }
        if (!story.step()) continue;
        if (random.chance(0.4)) {
          cluster.begin(random.integer(1, 8));
          if (story.step()) {
            cluster.settle();
            cluster.checkAsWanted();
            continue;
          }
        }
        cluster.settle();
        cluster.checkAsWanted();
        for (const { group, touched } of cluster.groups) {
          const [was, is] = [before[group - 1]!, cluster.wanted.placements[group - 1]!];
          const same = JSON.stringify([was.replicas.map(({ id }) => id), was.leader?.id]) ===
            JSON.stringify([is.replicas.map(({ id }) => id), is.leader?.id]);
          if (same && !keptDead.has(group)) {
            assert.equal(touched, 0, `partition ${group} was touched for nothing`);
          }
        }
      }
    } catch (error) {
      throw new Error(`seed ${seed}: ${story.history.join(", ")}`, { cause: error });
    }
  }
});

Deno.test("a cluster grows from one peer to nine and shrinks to another one", () => {
  const cluster = new ModelCluster([memberOf(1)], PARTITIONS, 3, new Random(1));
  for (let number = 2; number <= 9; number++) {
    cluster.members.set(idOf(number), memberOf(number));
    cluster.settle();
    cluster.checkAsWanted();
  }
  for (let number = 1; number <= 8; number++) {
    cluster.members.delete(idOf(number));
    cluster.settle();
    cluster.checkAsWanted();
  }
  assert.ok(cluster.groups.every(({ voters }) => voters.length === 1 && voters[0] === idOf(9)));
});

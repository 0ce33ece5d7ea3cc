/** Mutants of partitions as groups: how they begin, who is taken for their leader, and what is asked of it. */
import { type Mutant, test } from "./mutant.ts";

const DIRECTORY = test("tests/groups/leader_directory_test.ts");
const FORGOTTEN = test("tests/groups/forgotten_replicas_test.ts");
const FORMATION = test("tests/members");

export const PARTITIONS_MUTANTS: readonly Mutant[] = [
  {
    name: "a founder begins without the last of its partitions",
    file: "src/members/foundation.ts",
    search: `partition <= plan.partitions; partition++`,
    replace: `partition < plan.partitions; partition++`,
    caughtBy: [FORMATION],
  },
  {
    name: "a preferred leader waits for an election timeout when its partition begins",
    file: "src/members/first_campaigns.ts",
    search: `if (replicas[0] === self) this.#waiting.push`,
    replace: `if (replicas.length === 1) this.#waiting.push`,
    caughtBy: [FORMATION],
  },
  {
    name: "votes are called for before anybody can give them",
    file: "src/members/first_campaigns.ts",
    search: `replicas.filter((peer) => begun.has(peer)).length * 2 > replicas.length;`,
    replace: `replicas.some((peer) => begun.has(peer));`,
    caughtBy: [FORMATION],
  },
  {
    name: "where partitions begin can be altered by whoever passes a plan on",
    file: "src/members/plan.ts",
    search: `    plan.replicas,
    plan.firstReplicas,
  ]));`,
    replace: `    plan.replicas,
  ]));`,
    caughtBy: [FORMATION],
  },
  {
    name: "a partition begins twice at one peer",
    file: "src/members/first_replicas.ts",
    search: `if (new Set(places).size !== each) return false;`,
    replace: `if (new Set(places).size === 0) return false;`,
    caughtBy: [FORMATION],
  },
  {
    name: "the last one who claims to lead is believed, whatever its term",
    file: "src/groups/leader_directory.ts",
    search: `(known !== null && claim.term <= known.term)) return false;`,
    replace: `claim.leader === known?.leader) return false;`,
    caughtBy: [test("tests/groups/leader_claims_test.ts")],
  },
  {
    name: "a leader that did not answer is asked for ever",
    file: "src/groups/leader_directory.ts",
    search: `if (this.#learned.get(group)?.leader === leader) this.#learned.delete(group);`,
    replace: `if (this.#learned.get(group)?.term === 0) this.#learned.delete(group);`,
    caughtBy: [DIRECTORY],
  },
  {
    name: "a group is looked for only where it should be",
    file: "src/groups/leader_directory.ts",
    search: `this.#askThese(group, others, search, () => search.finish(this.leaderOf(group)));`,
    replace: `this.#askThese(group, [], search, () => search.finish(this.leaderOf(group)));`,
    caughtBy: [DIRECTORY],
  },
  {
    name: "who named the present leader in a refusal is not followed",
    file: "src/groups/leader_directory.ts",
    search: `return this.#learn(group, claim) && claim.term > term;`,
    replace: `return claim.term < term;`,
    caughtBy: [DIRECTORY],
  },
  {
    name: "a question that may have been heard is asked again",
    file: "src/groups/questions.ts",
    search: `      throw outcomeUnknown(error.message);
    } finally {`,
    replace: `      return RETRY;
    } finally {`,
    caughtBy: [DIRECTORY],
  },
  {
    name: "a handler is asked at a peer that does not lead",
    file: "src/groups/peer_requests.ts",
    search:
      `return await this.#edges.questions.handle(this.#ledHere(id), method, body, timeoutMs);`,
    replace: `const group = this.#edges.group(id as GroupId) ?? this.#ledHere(id);
    return await this.#edges.questions.handle(group, method, body, timeoutMs);`,
    caughtBy: [DIRECTORY],
  },
  {
    name: "a question waits for a leader that is paused while another one leads",
    file: "src/groups/questions.ts",
    search: `if (present === null || present === leader) return;`,
    replace: `if (present !== null) return;`,
    caughtBy: [DIRECTORY],
  },
  {
    name: "a hand-over is taken for done by an old word",
    file: "src/groups/group_changes.ts",
    search: `if (leader === to && group !== null) return;`,
    replace: `if (leader === to) return;`,
    caughtBy: [DIRECTORY],
  },
  {
    name: "a replica that was taken out is never told",
    file: "src/groups/forgotten_replicas.ts",
    search: `if (isHere && answer.includes(group.id)) this.#edges.end(group);`,
    replace: `if (isHere && answer.length === 0) this.#edges.end(group);`,
    caughtBy: [FORGOTTEN],
  },
  {
    name: "a replica ends because of a configuration that may never be committed",
    file: "src/groups/forgotten_replicas.ts",
    search: `if (index > commitIndex || commitIndex < replica) return false;`,
    replace: `if (commitIndex < replica) return false;`,
    caughtBy: [FORGOTTEN],
  },
  {
    name: "a replica ends because of a configuration from before it was added",
    file: "src/groups/forgotten_replicas.ts",
    search: `if (index > commitIndex || commitIndex < replica) return false;`,
    replace: `if (index > commitIndex) return false;`,
    caughtBy: [FORGOTTEN],
  },
];

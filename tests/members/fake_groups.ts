/** Group 0 without Raft: proposals are applied at once, configuration changes follow their rules. */
import { SkeinError } from "../../src/errors.ts";
import type { GroupStatus, ProposeOptions } from "../../src/groups/groups.ts";
import type { Effect } from "../../src/groups/machine.ts";
import type { MembersMachine } from "../../src/members/machine.ts";
import type { Configuration, PeerId, Replica } from "../../src/raft/entry.ts";
import type { ConfigurationChange, FollowerStatus } from "../../src/raft/ready.ts";

export class FakeGroups {
  leader: PeerId | null;
  /** False: this peer has no replica of group 0. */
  present = true;
  configuration: Configuration;
  index = 1;
  /** Refusals to give, one each, before a configuration change is taken. */
  readonly conflicts: SkeinError[] = [];
  readonly proposed: unknown[] = [];
  readonly changes: ConfigurationChange[] = [];
  onEffects: (effects: readonly Effect[]) => void = () => {};

  constructor(
    readonly self: PeerId,
    readonly machine: MembersMachine,
    configuration: Configuration,
  ) {
    this.leader = self;
    this.configuration = configuration;
  }

  async propose(
    group: number,
    _machine: string,
    body: unknown,
    _options: ProposeOptions,
  ): Promise<unknown> {
    await Promise.resolve();
    if (this.leader === null) throw new SkeinError("NO_LEADER", "no leader");
    this.proposed.push(body);
    const command = this.machine.decode(structuredClone(body));
    if (command === null) throw new Error(`not a command: ${JSON.stringify(body)}`);
    const context = { group, index: ++this.index, term: 1, timeMs: this.index };
    const { answer, effects } = this.machine.apply(command, context);
    this.machine.checkInvariants();
    this.onEffects(effects);
    return answer;
  }

  async changeConfiguration(_group: number, change: ConfigurationChange): Promise<void> {
    await Promise.resolve();
    const conflict = this.conflicts.shift();
    if (conflict !== undefined) throw conflict;
    if (change.expectedIndex !== this.configuration.index) {
      throw new SkeinError("CONFLICT", "another configuration");
    }
    this.changes.push(change);
    let { voters, learners } = this.configuration;
    const index = ++this.index;
    const without = (replicas: readonly Replica[], peer: PeerId) =>
      replicas.filter((replica) => replica.peer !== peer);
    for (const { kind, peer } of change.operations) {
      const known = [...voters, ...learners].find((replica) => replica.peer === peer);
      const replica = known ?? { peer, replica: index };
      voters = without(voters, peer);
      learners = without(learners, peer);
      if (kind === "promote") voters = [...voters, replica];
      else if (kind !== "remove") learners = [...learners, replica];
    }
    this.configuration = { ...this.configuration, index, voters, learners };
  }

  groups(): readonly number[] {
    return this.present ? [0] : [];
  }

  status(group: number): GroupStatus | null {
    if (group !== 0 || !this.present) return null;
    return {
      group: 0,
      replica: 1,
      role: this.leader === this.self ? "leader" : "follower",
      term: 1,
      leader: this.leader,
      commitIndex: this.index,
      appliedIndex: this.index,
      firstIndex: 2,
      lastIndex: this.index,
      timeMs: 0,
      asleep: false,
      configuration: this.configuration,
      snapshot: null,
      followers: this.#followers(),
    };
  }

  #followers(): FollowerStatus[] {
    return [...this.configuration.voters, ...this.configuration.learners]
      .filter(({ peer }) => peer !== this.self)
      .map((replica) => ({
        replica,
        state: "replicate",
        matchIndex: this.index,
        nextIndex: this.index + 1,
        recentlyActive: true,
      }));
  }
}

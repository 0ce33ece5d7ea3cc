/**
 * Peers with replicas of group 0 and no network: one log, whose entries are committed as soon as they are
 * proposed. Each peer applies when told to, or at once; answers can be held back; a peer can lose contact, or
 * be given a snapshot. For tests of what the lock service makes of what comes when.
 */
import { encodeEnvelope } from "../../src/groups/envelope.ts";
import { GroupMachine } from "../../src/groups/group_machine.ts";
import type { GroupListener, Groups, ProposeOptions } from "../../src/groups/groups.ts";
import { errorOf } from "../../src/groups/refusal.ts";
import { SkeinError } from "../../src/errors.ts";
import { LockMachine } from "../../src/locks/machine.ts";
import { LockService, type LockTimeouts } from "../../src/locks/service.ts";
import type { LogLevel } from "../../src/logger.ts";
import type { Entry } from "../../src/raft/entry.ts";
import { ManualClock } from "../manual_clock.ts";

export const TIMEOUTS: LockTimeouts = {
  proposeMs: 5_000,
  readMs: 5_000,
  waitMarginMs: 1_000,
  cancelMs: 60_000,
  takeBackMs: 500,
};

export class SmallCluster {
  readonly clock = new ManualClock();
  readonly log: Entry[] = [];
  readonly leader = new GroupMachine(0, [new LockMachine()]);
  readonly peers: SmallPeer[];

  constructor(...names: string[]) {
    this.peers = names.map((name) => new SmallPeer(this, name));
  }

  /** Commits an entry, applies it as the leader and at all peers that keep up. */
  append(payload: Uint8Array): unknown {
    const timeMs = this.clock.monotonicMs();
    const index = this.log.length + 2;
    this.log.push({ index, term: 1, kind: "command", timeMs, payload });
    const { answer } = this.leader.apply(this.log.at(-1)!);
    this.leader.checkInvariants();
    for (const peer of this.peers) if (peer.keepsUp) peer.catchUp();
    return answer;
  }

  /** Moves time, and lets it pass in the group. */
  passMs(ms: number): void {
    this.clock.advance(ms);
    this.append(this.leader.tickPayload);
  }
}

export class SmallPeer {
  readonly machine = new LockMachine();
  readonly lines: string[] = [];
  readonly service: LockService;
  readonly #group = new GroupMachine(0, [this.machine]);
  readonly #cluster: SmallCluster;
  readonly #listeners: GroupListener[] = [];
  #applied = 0;
  keepsUp = true;
  /** Set: answers wait until it resolves. */
  answersAfter: Promise<void> | null = null;
  /** Set: the next proposal is committed, but its proposer does not learn of it. */
  losesAnswer = false;
  /** Set: its replica of the group is no more. */
  ended = false;
  barriers = 0;

  constructor(cluster: SmallCluster, name: string) {
    this.#cluster = cluster;
    this.service = new LockService({
      groups: this.#groups(),
      machine: this.machine,
      clock: cluster.clock,
      logger: { log: (level: LogLevel, line: string) => void this.lines.push(`${level} ${line}`) },
      peer: name,
      bootId: `boot of ${name}`,
      timeouts: TIMEOUTS,
    });
  }

  #groups(): Groups {
    const groups: Partial<Groups> = {
      propose: (_group, machine, body, options) => this.#propose(machine, body, options),
      readBarrier: () => {
        this.barriers++;
        this.catchUp();
        return Promise.resolve();
      },
      timeMs: () => {
        if (this.ended) throw new SkeinError("NOT_FOUND", "no group 0 at this peer");
        return this.#cluster.clock.monotonicMs();
      },
      listen: (_group, listener) => void this.#listeners.push(listener),
    };
    return groups as Groups;
  }

  async #propose(machine: string, body: unknown, options: ProposeOptions): Promise<unknown> {
    const answer = this.#cluster.append(encodeEnvelope(machine, options.request, body));
    if (this.losesAnswer) {
      this.losesAnswer = false;
      throw new SkeinError("OUTCOME_UNKNOWN", "the answer was lost");
    }
    const error = errorOf(answer);
    if (error !== null) throw error;
    await this.answersAfter;
    return answer;
  }

  /** Applies what is committed. */
  catchUp(): void {
    while (this.#applied < this.#cluster.log.length) {
      const entry = this.#cluster.log[this.#applied++]!;
      const { effects, context } = this.#group.apply(entry);
      if (effects.length === 0) continue;
      for (const listener of this.#listeners) listener.effects(effects, context, false);
    }
  }

  /** Takes the leader's state in place of the entries in between, whose effects it never sees. */
  install(): void {
    const chunks: Uint8Array[] = [];
    const snapshot = this.#cluster.leader.snapshot();
    for (let step; (step = snapshot.next()).done !== true;) chunks.push(step.value);
    this.#group.restore(chunks);
    this.#applied = this.#cluster.log.length;
    for (const listener of this.#listeners) listener.restored?.();
  }
}

/** Lets everything happen that has only to be resumed. */
export function resumed(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

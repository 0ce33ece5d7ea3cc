/**
 * What this peer tells the placement driver, and hears from it. Replicas say by themselves when their role,
 * leader or configuration changes, and only those are looked at: thousands that lie as wanted and do nothing
 * cost nothing, and are never woken. It needs no replica of group 0: a peer that was removed from the
 * cluster still has to say what it leads, until it is replaced there too.
 */
import { SkeinError } from "../errors.ts";
import { listOf } from "../groups/answering.ts";
import type { Groups, GroupStatus } from "../groups/groups.ts";
import { CAUGHT_UP_ENTRIES } from "../members/decide.ts";
import type { Wanted } from "../members/wanted.ts";
import type { PeerId } from "../raft/entry.ts";
import type { FollowerStatus } from "../raft/ready.ts";
import { parseView, type PlacementView } from "./placement_view.ts";
import {
  encodeReport,
  type FollowerReport,
  isCount,
  type LedGroup,
  type Report,
  REPORTED_MAX,
} from "./report.ts";

/** `[the driver's term, its view or null]` → a report. */
export const LOOK_METHOD = "placement.look";

export interface ReporterEdges {
  readonly self: PeerId;
  readonly groups: Pick<Groups, "status" | "listen" | "heedDriver">;
  nowMs(): number;
  /** What this peer's own members want, and their revision; null where it has none. */
  wanted(): { readonly revision: number; readonly wanted: Wanted } | null;
  /** Whether it is caught up, and not about to stop. */
  steady(): boolean;
}

/** A view that is older shows what was, not what is. */
const VIEW_KEPT_MS = 10_000;

export class Reporter {
  readonly #edges: ReporterEdges;
  readonly #leads = new Set<number>();
  readonly #knows = new Set<number>();
  readonly #leaderless = new Set<number>();
  readonly #deviating = new Set<number>();
  /** Of these, those with a change under way. */
  readonly #moving = new Set<number>();
  /** Replicas whose status has changed since they were last looked at. */
  readonly #changed = new Set<number>();
  #compared: Wanted | null = null;
  #heard: { readonly term: number; readonly atMs: number; readonly view: PlacementView } | null =
    null;

  constructor(edges: ReporterEdges) {
    this.#edges = edges;
  }

  /** A replica of this partition came to be here. */
  attach(group: number): void {
    this.#changed.add(group);
    this.#edges.groups.listen(group, { effects() {}, status: () => this.#changed.add(group) });
  }

  /** The replica here has ended. */
  detach(group: number): void {
    this.#changed.add(group);
  }

  /**
   * Answers a look of the placement driver.
   * @throws {SkeinError} BAD_REQUEST by rejection
   */
  answer(body: unknown): Promise<unknown> {
    const [term, told] = listOf(body);
    const view = told === null ? null : parseView(told);
    if (!isCount(term) || (told !== null && view === null)) {
      return Promise.reject(new SkeinError("BAD_REQUEST", "no look at placement"));
    }
    this.#edges.groups.heedDriver(term);
    if (view !== null) this.hear(term, view);
    return Promise.resolve(encodeReport(this.report()));
  }

  /** @param term of group 0: a driver that has been replaced, and does not know yet, is not believed */
  hear(term: number, view: PlacementView): void {
    if (this.#heard !== null && term < this.#heard.term) return;
    this.#heard = { term, atMs: this.#edges.nowMs(), view };
  }

  /** Where the partitions are, by the driver's last word; null where there was none for a while. */
  view(): PlacementView | null {
    const heard = this.#heard;
    return heard !== null && this.#edges.nowMs() - heard.atMs < VIEW_KEPT_MS ? heard.view : null;
  }

  report(): Report {
    const compared = this.#edges.wanted();
    this.#lookAgain(compared?.wanted ?? null);
    const deviating: LedGroup[] = [];
    for (const group of this.#chosen()) {
      const status = this.#edges.groups.status(group);
      if (status !== null) deviating.push(ledGroup(status));
    }
    return {
      revision: compared?.revision ?? null,
      steady: this.#edges.steady(),
      leads: this.#leads,
      knows: this.#knows,
      deviating,
      more: this.#deviating.size - deviating.length,
      leaderless: [...this.#leaderless].slice(0, REPORTED_MAX).map((group) => {
        const voters = this.#edges.groups.status(group)?.configuration.voters ?? [];
        return { group, voters: voters.map(({ peer }) => peer) };
      }),
    };
  }

  /**
   * Where there are too many to tell of, what is under way comes first, since the driver bounds that, and of the others
   * each in its turn: some may have to wait for long.
   */
  #chosen(): readonly number[] {
    if (this.#deviating.size <= REPORTED_MAX) return [...this.#deviating];
    const chosen = [...this.#moving].slice(0, REPORTED_MAX);
    for (const group of this.#deviating) {
      if (chosen.length === REPORTED_MAX) break;
      if (!this.#moving.has(group)) chosen.push(group);
    }
    for (const group of chosen) {
      this.#deviating.delete(group);
      this.#deviating.add(group);
    }
    return chosen;
  }

  #lookAgain(wanted: Wanted | null): void {
    if (wanted !== this.#compared) {
      this.#compared = wanted;
      for (const group of this.#leads) this.#changed.add(group);
    }
    for (const group of this.#changed) this.#compare(group);
    this.#changed.clear();
  }

  #compare(group: number): void {
    const status = this.#edges.groups.status(group);
    const leads = status?.role === "leader";
    const knows = status !== null && status.leader !== null;
    set(this.#leads, group, leads);
    set(this.#knows, group, knows);
    // Before it has heard anybody, a new learner knows no voters: that is no loss.
    const isReplica = status !== null && status.configuration.voters.length > 0;
    set(this.#leaderless, group, isReplica && !knows);
    set(this.#deviating, group, leads && !this.#isAsWanted(status));
    set(this.#moving, group, leads && isChanging(status));
  }

  #isAsWanted({ group, configuration }: GroupStatus): boolean {
    const placement = this.#compared?.placements[group - 1];
    if (placement === undefined) return false;
    if (isChanging({ configuration })) return false;
    const { voters } = configuration;
    const { replicas, leader } = placement;
    return voters.length === replicas.length &&
      replicas.every(({ id }) => voters.some(({ peer }) => peer === id)) &&
      leader?.id === this.#edges.self;
  }
}

function isChanging({ configuration }: Pick<GroupStatus, "configuration">): boolean {
  return configuration.votersOutgoing.length > 0 || configuration.learners.length > 0;
}

function set(groups: Set<number>, group: number, isMember: boolean): void {
  if (isMember) groups.add(group);
  else groups.delete(group);
}

function ledGroup({ group, term, configuration, followers, commitIndex }: GroupStatus): LedGroup {
  const seen = followers.map((follower) => followerReport(follower, commitIndex));
  return { group, term, configuration, followers: seen };
}

function followerReport(follower: FollowerStatus, commitIndex: number): FollowerReport {
  const { replica, state, matchIndex, recentlyActive } = follower;
  const missingEntries = Math.max(0, commitIndex - matchIndex);
  const caughtUp = state === "replicate" && missingEntries < CAUGHT_UP_ENTRIES;
  return { peer: replica.peer, active: recentlyActive, caughtUp, missingEntries };
}

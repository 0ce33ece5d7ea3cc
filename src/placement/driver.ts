/**
 * Brings the partitions to where the ring wants them while this peer leads group 0: asks every peer what it
 * leads that is not as wanted, decides (`decide.ts`, `schedule.ts`), carries out, and looks again. Whatever
 * fails is decided anew at the next look, by this peer or by the next leader. What it remembers costs a
 * successor no more than time: since when peers answer, and who did not take leadership lately.
 */
import type { Clock, Timer } from "../clock.ts";
import { SkeinError } from "../errors.ts";
import type { Groups } from "../groups/groups.ts";
import type { Logger } from "../logger.ts";
import type { Member } from "../members/state.ts";
import type { Wanted } from "../members/wanted.ts";
import { RequestError, type Transport } from "../net/transport.ts";
import type { PeerId } from "../raft/entry.ts";
import { operationsOf } from "./decide.ts";
import { Departures, isInMotion } from "./departures.ts";
import { LostPartitions } from "./lost_partitions.ts";
import { wordsOf } from "./move_words.ts";
import { PeerWatch } from "./peer_watch.ts";
import { type Picture, pictureOf } from "./picture.ts";
import { encodeView, type PlacementView } from "./placement_view.ts";
import { removalRefusal } from "./removal.ts";
import { parseReport, type Report } from "./report.ts";
import { LOOK_METHOD, type Reporter } from "./reporter.ts";
import { schedule, type Step } from "./schedule.ts";

export interface DriverOptions {
  readonly self: PeerId;
  readonly groups: Pick<
    Groups,
    "changeConfiguration" | "heedDriver" | "transferLeadership" | "status"
  >;
  /** Of group 0, as applied here. */
  readonly members: {
    readonly clusterId: string | null;
    readonly revision: number;
    members(): readonly Member[];
  };
  readonly wanted: () => Wanted | null;
  /** This peer's own, which is not asked over the network. */
  readonly reporter: Pick<Reporter, "report" | "hear">;
  readonly transport: Pick<Transport, "request" | "peers">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The maximum election timeout. */
  readonly electionTimeoutMs: number;
}

/** What it has done since this peer started. */
export interface DriverCounts {
  /** Replicas that were built and vote. */
  readonly moved: number;
  /** Changes that were refused, or whose outcome is not known. */
  readonly failed: number;
}

const LOOK_TIMEOUT_MS = 1_000;
const CHANGE_TIMEOUT_MS = 10_000;
const TRANSFER_TIMEOUT_MS = 3_000;
/** So soon it looks again while something is under way. */
const HURRY_MS = 250;
/** While members change, peers report of older ones for a moment. */
const REMOVAL_LOOKS_MAX = 8;
/** A peer that has answered for so many election timeouts is likely to go on. */
const STEADY_ELECTION_TIMEOUTS = 5;
/** A partition without a leader for so many of them has lost it. */
const LOST_ELECTION_TIMEOUTS = 2;

export class PlacementDriver {
  readonly #options: DriverOptions;
  readonly #peers: PeerWatch;
  readonly #lost: LostPartitions;
  /** By partition: changes that are awaited. */
  readonly #busy = new Map<number, Step>();
  readonly #departures = new Departures();
  readonly #begunMs = new Map<number, number>();
  #looking: Promise<Picture | null> | null = null;
  #view: PlacementView | null = null;
  #hurry: Timer | null = null;
  #moved = 0;
  #failed = 0;
  #stopped = false;

  constructor(options: DriverOptions) {
    this.#options = options;
    this.#peers = new PeerWatch(STEADY_ELECTION_TIMEOUTS * options.electionTimeoutMs);
    const patienceMs = LOST_ELECTION_TIMEOUTS * options.electionTimeoutMs;
    this.#lost = new LostPartitions(patienceMs, options.logger, (peer) => this.#nameOf(peer));
  }

  get counts(): DriverCounts {
    return { moved: this.#moved, failed: this.#failed };
  }

  /** Looks at the partitions. Called about every second, and at once when members or leadership changed. */
  tick(): void {
    if (!this.#leads()) return this.#forget();
    // What is new now may not be in the answers that are on their way.
    if (this.#looking === null) void this.#look();
    else this.#lookSoon();
  }

  stop(): void {
    this.#stopped = true;
    this.#hurry?.cancel();
  }

  /**
   * Whether a member can be removed without that a partition is lost, by a new look.
   * @throws {SkeinError} by rejection: CONFLICT, with the partitions; UNAVAILABLE where this is not known now
   */
  async checkRemoval(peer: PeerId): Promise<void> {
    const { clock } = this.#options;
    for (let attempt = 1; attempt <= REMOVAL_LOOKS_MAX; attempt++) {
      this.#departures.begin(peer, clock.monotonicMs());
      // One that is under way may have begun before what the caller saw.
      await this.#looking;
      const picture = this.#leads() ? await this.#look() : null;
      if (picture === null) break;
      if (picture.complete && !isInMotion(peer, picture, this.#busy.values())) {
        const stays = (other: PeerId) => this.#staysAndAnswers(other);
        const refusal = removalRefusal(peer, this.#nameOf(peer), picture, stays);
        if (refusal === null) return this.#departures.allow(peer);
        this.#departures.stays(peer);
        throw refusal;
      }
      await new Promise<void>((resolve) => clock.timer(HURRY_MS, resolve));
    }
    this.#departures.stays(peer);
    throw new SkeinError("UNAVAILABLE", "where the partitions are is not known now: try again");
  }

  /** Who was removed may answer until it is switched off, and vote: nothing may rest on it. */
  #staysAndAnswers(peer: PeerId): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    return this.#member(peer) !== null && !this.#departures.mayGo(peer, nowMs) &&
      this.#peers.answers(peer);
  }

  /** @returns what it saw; null where it does not lead, or the cluster begins only now */
  #look(): Promise<Picture | null> {
    this.#looking ??= this.#lookOnce().finally(() => this.#looking = null);
    return this.#looking;
  }

  async #lookOnce(): Promise<Picture | null> {
    const { self, members, wanted: wantedNow, clock, reporter } = this.#options;
    const term = this.#term();
    const reports = await this.#askAll(term);
    const wanted = wantedNow();
    if (!this.#leads() || this.#term() !== term || wanted === null) return null;
    const nowMs = clock.monotonicMs();
    this.#peers.saw(reports, nowMs);
    const peers = this.#peers.at(nowMs, (peer) => this.#mayReturn(peer));
    const picture = pictureOf({
      driver: self,
      revision: members.revision,
      wanted,
      reports,
      peers,
      isLost: (partition) => this.#lost.isLost(partition, nowMs),
    });
    this.#lost.saw(picture, nowMs);
    this.#view = picture.view;
    reporter.hear(term, picture.view);
    const steps = schedule(
      picture.deviating,
      peers,
      (group) => this.#busy.has(group),
      this.#busy.size,
    );
    const isMember = (peer: PeerId) => this.#member(peer) !== null;
    for (const step of steps) {
      if (!this.#departures.hold(step, nowMs, isMember)) void this.#carryOut(step, term);
    }
    if (picture.view.moves.length > 0) this.#lookSoon();
    return picture;
  }

  // ---- asking

  /** Members, and those that were, even if they never learned it: what they still lead has to leave them. */
  async #askAll(term: number): Promise<ReadonlyMap<PeerId, Report>> {
    const { self, groups, members, transport, reporter } = this.#options;
    groups.heedDriver(term);
    const reports = new Map<PeerId, Report>([[self, reporter.report()]]);
    const known = new Set(members.members().map(({ id }) => id));
    const asked = transport.peers().filter(({ id, hello }) => {
      return known.has(id) || hello.clusterId === members.clusterId || hello.clusterId === null;
    });
    const body = [term, this.#view === null ? null : encodeView(this.#view)];
    await Promise.all(asked.map(async ({ id }) => {
      const report = await this.#ask(id, body);
      if (report !== null) reports.set(id, report);
    }));
    return reports;
  }

  async #ask(peer: PeerId, body: unknown): Promise<Report | null> {
    const { transport, logger } = this.#options;
    try {
      return parseReport(await transport.request(peer, LOOK_METHOD, body, LOOK_TIMEOUT_MS));
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      logger.log("debug", `${this.#nameOf(peer)} does not say what it leads: ${error.message}`);
      return null;
    }
  }

  // ---- acting

  async #carryOut(step: Step, term: number): Promise<void> {
    const { view, action } = step;
    const { groups, logger, clock } = this.#options;
    const { group } = view;
    const startedMs = clock.monotonicMs();
    const words = wordsOf(group, action, (peer) => this.#nameOf(peer));
    this.#busy.set(group, step);
    if (words.begins !== null) logger.log("info", words.begins);
    try {
      const operations = operationsOf(action);
      if (operations !== null) {
        const change = { expectedIndex: view.configuration.index, operations };
        await groups.changeConfiguration(group, change, CHANGE_TIMEOUT_MS, term);
      } else if (action.kind === "lead") {
        await groups.transferLeadership(group, action.to, TRANSFER_TIMEOUT_MS);
      }
      if (action.kind === "begin") this.#begunMs.set(group, startedMs);
      if (action.kind === "complete") this.#moved++;
      if (words.done !== null) logger.log("info", words.done, this.#span(group, action.kind));
    } catch (error) {
      if (!(error instanceof SkeinError)) throw error;
      this.#failed++;
      if (action.kind === "lead") {
        this.#peers.refusedLeadership(action.to, clock.monotonicMs());
      }
      logger.log("debug", `${words.attempt} failed: ${error.message}`);
    } finally {
      this.#busy.delete(group);
    }
    this.#lookSoon();
  }

  /** How long a move took that this driver began. */
  #span(group: number, kind: string): Record<string, unknown> {
    const begunMs = this.#begunMs.get(group);
    if (kind !== "complete" || begunMs === undefined) return {};
    this.#begunMs.delete(group);
    return { took_ms: Math.round(this.#options.clock.monotonicMs() - begunMs) };
  }

  #lookSoon(): void {
    if (this.#hurry !== null || this.#stopped) return;
    this.#hurry = this.#options.clock.timer(HURRY_MS, () => {
      this.#hurry = null;
      this.tick();
    });
  }

  // ---- what it is

  #leads(): boolean {
    return !this.#stopped && this.#options.groups.status(0)?.role === "leader";
  }

  #term(): number {
    return this.#options.groups.status(0)?.term ?? 0;
  }

  /** Another peer drives now. */
  #forget(): void {
    this.#peers.clear();
    this.#departures.clear();
    this.#begunMs.clear();
    this.#lost.clear();
    this.#view = null;
  }

  #mayReturn(peer: PeerId): boolean {
    const member = this.#member(peer);
    return member !== null && member.dead && !member.draining;
  }

  #nameOf(peer: PeerId): string {
    return this.#member(peer)?.name ?? peer.slice(0, 8);
  }

  #member(peer: PeerId): Member | null {
    return this.#options.members.members().find(({ id }) => id === peer) ?? null;
  }
}

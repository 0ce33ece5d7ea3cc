/** A placement driver among peers that are as a test says. */
import { SkeinError } from "../../src/errors.ts";
import type { GroupStatus } from "../../src/groups/groups.ts";
import type { Member } from "../../src/members/state.ts";
import { WantedPlacement } from "../../src/members/wanted.ts";
import { RequestError } from "../../src/net/transport.ts";
import { PlacementDriver } from "../../src/placement/driver.ts";
import { parseView, type PlacementView } from "../../src/placement/placement_view.ts";
import { encodeReport, type LedGroup, type Report } from "../../src/placement/report.ts";
import type { ConfigurationChange } from "../../src/raft/ready.ts";
import { ManualClock } from "../manual_clock.ts";
import { idOf, infoOf, memberOf } from "../members/peers.ts";
import { groupOf, type GroupWords } from "./views.ts";

export const P = 4;
export const REVISION = 7;
export const ELECTION_TIMEOUT_MS = 1_000;
/** After so long peers take leadership. */
export const STEADY_MS = 5 * ELECTION_TIMEOUT_MS;

/** Peer 1 drives; the others answer with what a test has them report, and null does not answer. */
export class World {
  readonly clock = new ManualClock();
  readonly lines: string[] = [];
  readonly asked: { readonly to: string; readonly view: PlacementView | null }[] = [];
  /** Changes and transfers, in words. */
  readonly done: string[] = [];
  readonly reports = new Map<number, Report | null>();
  members: readonly Member[] = [1, 2, 3, 4].map((number) => memberOf(number));
  connected: readonly number[] = [2, 3, 4];
  leads = true;
  term = 5;
  heard: PlacementView | null = null;
  /** The driver's terms that changes named, and that this peer heeds. */
  readonly decidedIn: (number | null)[] = [];
  readonly heeded: number[] = [];
  /** What the next change comes to; each once. */
  readonly refusals: SkeinError[] = [];
  /** Set: changes wait for it. */
  gate: Promise<void> | null = null;
  readonly driver: PlacementDriver;

  constructor() {
    const placement = new WantedPlacement();
    const members = () => this.members;
    this.driver = new PlacementDriver({
      self: idOf(1),
      groups: {
        status: () => this.#systemStatus(),
        changeConfiguration: (group, change, _timeoutMs, driverTerm) => {
          this.decidedIn.push(driverTerm ?? null);
          return this.#act(group, wordsOf(change));
        },
        heedDriver: (driverTerm) => void this.heeded.push(driverTerm),
        transferLeadership: (group, to) => this.#act(group, `lead ${numberOf(to)}`),
      },
      members: { clusterId: "c1", revision: REVISION, members },
      wanted: () => placement.of(members(), P, 3),
      reporter: {
        report: () => this.reports.get(1) ?? reportOf([]),
        hear: (_term, view) => void (this.heard = view),
      },
      transport: {
        request: (to, _method, body) => this.#answer(to, body),
        peers: () =>
          this.connected.map((number) => {
            const { id, ...info } = infoOf(number);
            return { id, hello: { ...info, clusterId: "c1", expect: 0 } };
          }),
      },
      clock: this.clock,
      logger: { log: (level, message) => void this.lines.push(`${level}: ${message}`) },
      electionTimeoutMs: ELECTION_TIMEOUT_MS,
    });
  }

  #systemStatus(): GroupStatus {
    const role = this.leads ? "leader" : "follower";
    return { role, term: this.term } as unknown as GroupStatus;
  }

  #answer(to: string, body: unknown): Promise<unknown> {
    const [, view] = body as [number, unknown];
    this.asked.push({ to, view: parseView(view) });
    const report = this.reports.get(numberOf(to));
    if (report === null) return Promise.reject(new RequestError("timeout", "no answer"));
    return Promise.resolve(encodeReport(report ?? reportOf([])));
  }

  async #act(group: number, words: string): Promise<void> {
    this.done.push(`${group}: ${words}`);
    await this.gate;
    const refusal = this.refusals.shift();
    if (refusal !== undefined) throw refusal;
  }

  /** Time passes, and whatever it brings is done. */
  async pass(byMs: number): Promise<void> {
    this.clock.advance(byMs);
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  }

  async look(): Promise<void> {
    this.driver.tick();
    await this.pass(0);
  }

  /** What was logged at info and above since the last call. */
  told(): string[] {
    return this.lines.splice(0).filter((line) => !line.startsWith("debug"));
  }
}

export const numberOf = (peer: string) => parseInt(peer.slice(0, 2), 16);

function wordsOf({ expectedIndex, operations }: ConfigurationChange): string {
  const words = operations.map(({ kind, peer }) => `${kind} ${numberOf(peer)}`);
  return `${words.join(", ")} at ${expectedIndex}`;
}

const PARTITIONS = new Set([1, 2, 3, 4]);

/** That each partition is led by somebody who answers is enough, as a rule. */
export function reportOf(deviating: readonly LedGroup[], changes: Partial<Report> = {}): Report {
  return {
    revision: REVISION,
    steady: true,
    leads: PARTITIONS,
    knows: PARTITIONS,
    deviating,
    more: 0,
    leaderless: [],
    ...changes,
  };
}

export function led(words: GroupWords): LedGroup {
  const { group, term, configuration, followers } = groupOf(words);
  return { group, term, configuration, followers };
}

/** Peers that partition 1 is wanted on, in order, and the one that is not. */
export const [A, B, C, OTHER] = (() => {
  const members = [1, 2, 3, 4].map((number) => memberOf(number));
  const { replicas } = new WantedPlacement().of(members, P, 3).placements[0]!;
  const wanted = replicas.map(({ id }) => numberOf(id));
  return [...wanted, [1, 2, 3, 4].find((number) => !wanted.includes(number))!];
})() as [number, number, number, number];

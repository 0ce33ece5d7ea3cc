/**
 * Discovery from a fixed list (`--peers`): finds out, again and again, which addresses its entries mean
 * now. A name is looked up, and is several peers where it has several addresses; an admin endpoint is asked
 * where its peer protocol listens. What an entry meant last stays until a later answer replaces it, so
 * a name server that is away costs nothing. Dialling what is found is the transport's.
 */
import { isIP } from "node:net";
import { type Address, formatAddress, parseAddress } from "../codec/address.ts";
import type { Clock, Timer } from "../clock.ts";
import type { Logger } from "../logger.ts";
import type { PeerId } from "../raft/entry.ts";

/** One entry of the list as the configuration parsed it. */
export interface StaticEntry extends Address {
  readonly written: string;
  /** `http`: a peer's admin endpoint. */
  readonly kind: "peer" | "http";
}

/** What is known of an entry. */
export interface EntryView {
  readonly written: string;
  /** How many addresses its name has, each of them a peer; 0 while it is not known what it means. */
  readonly addressCount: number;
  /** host:port to dial. */
  readonly addresses: readonly string[];
  /** The IP addresses behind `addresses`, with the port, where a name was looked up. */
  readonly lookedUp: readonly string[];
  /** Who answered at the admin endpoint; empty for entries of the other kind. */
  readonly peers: readonly PeerId[];
}

/** What an admin endpoint says of its peer. */
export interface EndpointAnswer {
  readonly id: PeerId;
  readonly addresses: readonly string[];
}

export interface StaticDiscoveryOptions {
  readonly entries: readonly StaticEntry[];
  /** All IP addresses of a name; rejects where it has none. */
  readonly lookUp: (host: string) => Promise<readonly string[]>;
  /** Asks an admin endpoint; rejects where it does not answer. */
  readonly ask: (url: string) => Promise<EndpointAnswer>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The addresses to dial have changed. */
  readonly changed: (addresses: readonly string[]) => void;
}

/** Pauses double from the least to the most; after news, and while nothing is found, they begin small. */
const UNRESOLVED_PAUSE_MS = { min: 50, max: 5_000 };
const RESOLVED_PAUSE_MS = { min: 2_000, max: 30_000 };

interface EntryState {
  readonly entry: StaticEntry;
  view: EntryView;
  pauseMs: number;
  timer: Timer | null;
  failed: boolean;
}

export class StaticDiscovery {
  readonly #options: StaticDiscoveryOptions;
  readonly #states: readonly EntryState[];
  #isClosed = false;

  constructor(options: StaticDiscoveryOptions) {
    this.#options = options;
    this.#states = options.entries.map((entry) => ({
      entry,
      view: viewOf(entry, [], [], []),
      pauseMs: UNRESOLVED_PAUSE_MS.min,
      timer: null,
      failed: false,
    }));
  }

  /** Begins to look; `changed` is called with what is found, as it is found. */
  start(): void {
    for (const state of this.#states) void this.#round(state);
  }

  close(): void {
    this.#isClosed = true;
    for (const { timer } of this.#states) timer?.cancel();
  }

  /** In the order of the list, one for each entry as written. */
  entries(): readonly EntryView[] {
    return this.#states.map(({ view }) => view);
  }

  /** All addresses that are known now, each once. */
  addresses(): readonly string[] {
    return [...new Set(this.#states.flatMap(({ view }) => view.addresses))];
  }

  async #round(state: EntryState): Promise<void> {
    const { entry } = state;
    if (entry.kind === "peer" && isIP(entry.host) !== 0) {
      this.#found(state, viewOf(entry, [entry.host], [], []));
      return;
    }
    try {
      const found = entry.kind === "peer" ? await this.#lookUp(entry) : await this.#ask(entry);
      if (this.#isClosed) return;
      const isNews = this.#found(state, found);
      this.#pause(state, RESOLVED_PAUSE_MS, isNews || state.failed);
      state.failed = false;
    } catch (error) {
      if (this.#isClosed) return;
      if (!state.failed) {
        const line = `could not resolve ${entry.written}: ${String(error)}`;
        this.#options.logger.log("debug", line);
      }
      this.#pause(state, UNRESOLVED_PAUSE_MS, !state.failed);
      state.failed = true;
    }
  }

  async #lookUp(entry: StaticEntry): Promise<EntryView> {
    return viewOf(entry, await this.#options.lookUp(entry.host), [], []);
  }

  /** Of several endpoints behind a name those that answer count; none at all is a failure. */
  async #ask(entry: StaticEntry): Promise<EntryView> {
    const hosts = isIP(entry.host) === 0 ? await this.#options.lookUp(entry.host) : [entry.host];
    const urls = isSeveral(hosts)
      ? oneFamily(hosts).map((host) => urlOf(entry, host))
      : [urlOf(entry, entry.host)];
    const outcomes = await Promise.allSettled(urls.map((url) => this.#options.ask(url)));
    const answers = outcomes.flatMap((outcome) =>
      outcome.status === "fulfilled" ? [outcome.value] : []
    );
    if (answers.length === 0) throw (outcomes[0] as PromiseRejectedResult).reason;
    const addresses = answers.flatMap((answer) => answer.addresses)
      .filter((address) => parseAddress(address) !== null);
    return viewOf(entry, hosts, addresses, answers.map(({ id }) => id));
  }

  /** @returns whether it differs from what was known */
  #found(state: EntryState, view: EntryView): boolean {
    const before = JSON.stringify(state.view);
    state.view = view;
    if (JSON.stringify(view) === before) return false;
    this.#options.changed(this.addresses());
    return true;
  }

  #pause(state: EntryState, range: { min: number; max: number }, fromStart: boolean): void {
    state.pauseMs = fromStart ? range.min : Math.min(range.max, state.pauseMs * 2);
    state.timer = this.#options.clock.timer(state.pauseMs, () => void this.#round(state));
  }
}

/**
 * @param hosts the IP addresses behind the entry's host; none: not known yet
 * @param told what the admin endpoints say of their addresses
 */
function viewOf(
  entry: StaticEntry,
  hosts: readonly string[],
  told: readonly string[],
  peers: readonly PeerId[],
): EntryView {
  const { written, kind, host, port } = entry;
  const lookedUp = hosts.map((ip) => formatAddress({ host: ip, port })).sort();
  const named = isSeveral(hosts)
    ? oneFamily(hosts).map((ip) => formatAddress({ host: ip, port })).sort()
    : [formatAddress({ host, port })];
  return {
    written,
    addressCount: oneFamily(hosts).length,
    addresses: kind === "http" ? [...told].sort() : hosts.length > 0 ? named : [],
    lookedUp: kind === "peer" ? lookedUp : [],
    peers,
  };
}

/** One address of each family may be one peer with two; two of one family are two peers. */
function isSeveral(hosts: readonly string[]): boolean {
  return oneFamily(hosts).length > 1;
}

/** The addresses of the family that has more of them, IPv4 where both have as many. */
function oneFamily(hosts: readonly string[]): readonly string[] {
  const four = hosts.filter((host) => isIP(host) === 4);
  const six = hosts.filter((host) => isIP(host) === 6);
  return six.length > four.length ? six : four;
}

function urlOf(entry: StaticEntry, host: string): string {
  const scheme = entry.written.startsWith("https://") ? "https" : "http";
  return `${scheme}://${formatAddress({ host, port: entry.port })}`;
}

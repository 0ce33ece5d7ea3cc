/**
 * One move of the model under way: messages are delivered to the pure protocol, and what that causes is sent, logged,
 * or noted in the ghost, which knows what a reader may see.
 */
import { isForgettable, newEntry } from "../../src/cache/directory_entry.ts";
import type { EntryEffect, EntryEvent, Job } from "../../src/cache/directory_entry.ts";
import { stepEntry } from "../../src/cache/directory.ts";
import { isLeased, mintGrant, peerReported } from "../../src/cache/home_term.ts";
import { inventoryOf } from "../../src/cache/inventory.ts";
import { type Content, stepLine } from "../../src/cache/line.ts";
import type { LineEffect, LineEvent } from "../../src/cache/line_events.ts";
import { compareVersions, isSettled } from "../../src/cache/version.ts";
import {
  type Budgets,
  type Envelope,
  type Ghost,
  homeAt,
  type HomeModel,
  mayUse,
  type Message,
  nameOf,
  numberOf,
  type Observer,
  type PeerModel,
  type Store,
  type World,
} from "./model_world.ts";

/** One move under way: a copy of the world, part by part. */
export class Moving {
  peers: PeerModel[];
  homes: HomeModel[];
  leaseHolders: number[];
  network: Envelope[];
  nextId: number;
  store: Store;
  ghost: Ghost;
  left: Budgets;
  readonly #observer: Observer;
  /** What a peer sends to itself arrives at once, after what it does now. */
  readonly #local: Envelope[] = [];

  constructor(world: World, observer: Observer) {
    this.peers = [...world.peers];
    this.homes = [...world.homes];
    this.leaseHolders = [...world.leaseHolders];
    this.network = [...world.network];
    this.nextId = world.nextId;
    this.store = world.store;
    this.ghost = world.ghost;
    this.left = world.left;
    this.#observer = observer;
  }

  world(): World {
    for (let next = this.#local.shift(); next !== undefined; next = this.#local.shift()) {
      this.receive(next);
    }
    return this.current();
  }

  spend(what: keyof Budgets): void {
    this.left = { ...this.left, [what]: this.left[what] - 1 };
  }

  send(from: number, to: number, term: number, message: Message): void {
    const envelope = { from, to, term, message };
    if (from === to) this.#local.push(envelope);
    else this.network.push(envelope);
  }

  setPeer(peer: number, change: Partial<PeerModel>): void {
    this.peers[peer] = { ...this.peers[peer]!, ...change };
  }

  setHome(home: HomeModel, change: Partial<HomeModel>): HomeModel {
    const next = { ...home, ...change };
    this.homes[this.homes.indexOf(home)] = next;
    return next;
  }

  /** @returns the home of this term, as it now is */
  homeOf(term: number): HomeModel | undefined {
    return this.homes.find(({ home, isGone }) => home.term === term && !isGone);
  }

  line(peer: number, event: LineEvent): void {
    const before = this.peers[peer]!;
    const { line, effects } = stepLine(before.line, event);
    this.#observer.line(before.line, event, line, effects);
    this.setPeer(peer, { line });
    for (const effect of effects) this.#lineEffect(peer, event, before, effect);
  }

  #lineEffect(peer: number, event: LineEvent, before: PeerModel, effect: LineEffect): void {
    const { term, session } = this.peers[peer]!;
    const home = this.homeOf(term)?.peer;
    switch (effect.kind) {
      case "ask":
        if (home === undefined) return;
        return this.send(peer, home, term, { ...effect, session: session! });
      case "writeBack":
        if (home === undefined || session === null) return;
        return this.send(peer, home, term, { ...effect, session });
      case "acknowledge":
      case "dropped":
        if (home !== undefined) this.send(peer, home, term, effect);
        return;
      case "safe":
        if (!isSettled(effect.version, this.ghost.safe)) {
          this.ghost = { ...this.ghost, safe: effect.version };
        }
        return;
      case "lost": {
        const isOld = (before.line.grant ?? before.line.owed!.grant).term !== term;
        if (event.kind === "refused" && !isOld) throw new Error("a write under a lease was lost");
        return this.lose();
      }
      default:
        return;
    }
  }

  /** Some write is gone, or will come yet: the key may go back to what is written back, and not further. */
  lose(): void {
    const { version } = this.store;
    const { floor } = this.ghost;
    const isBack = floor !== null && (version === null || compareVersions(version, floor) < 0);
    if (isBack) this.ghost = { ...this.ghost, floor: version };
  }

  formerEnds(peer: number): void {
    const { line, term, session } = this.peers[peer]!;
    if (session === null) return this.lapse(peer);
    this.setPeer(peer, { former: 0 });
    const grant = line.grant ?? line.owed?.grant;
    const isInherited = grant !== undefined && grant.term < term;
    if (isInherited && !mayUse(this.current(), peer, grant)) this.line(peer, { kind: "lapsed" });
  }

  lapse(peer: number): void {
    this.line(peer, { kind: "lapsed" });
    this.setPeer(peer, { session: null, former: 0, reporting: null });
  }

  /** The peer has heard of a newer home. */
  learn(peer: number, term: number): void {
    const before = this.peers[peer]!;
    const own = homeAt(this.current(), peer);
    const isLive = own !== undefined ? own.hasLease : before.session !== null;
    // What does not live by the lease that becomes the former one, goes.
    const grant = before.line.grant ?? before.line.owed?.grant;
    const isCovered = grant !== undefined && isLive &&
      mayUse(this.current(), peer, grant) &&
      (grant.term === before.term || before.rebuilt);
    const isStillFormer = grant !== undefined && !isLive && before.former !== 0;
    if (own !== undefined && own.home.term < term) {
      this.homes = this.homes.filter((home) => home !== own);
    }
    if (!isCovered && !isStillFormer) this.line(peer, { kind: "lapsed" });
    const former = isCovered ? before.term : isStillFormer ? before.former : 0;
    this.setPeer(peer, { term, session: null, former, rebuilt: false, reporting: null });
    this.line(peer, { kind: "newHome" });
  }

  current(): World {
    const { peers, homes, leaseHolders, network, nextId, store, ghost, left } = this;
    return { peers, homes, leaseHolders, network, nextId, store, ghost, left };
  }

  report(peer: number, home: HomeModel): void {
    const { line } = this.peers[peer]!;
    if (line.ask !== null) this.line(peer, { kind: "failed", request: line.ask.request });
    const id = this.nextId++;
    this.setPeer(peer, { reporting: id });
    const row = inventoryOf(this.peers[peer]!.line);
    this.send(peer, home.peer, home.home.term, { kind: "report", id, line: row });
  }

  /** @returns effects for this peer that belong into the answer to its inventory */
  entry(term: number, event: EntryEvent, into: EntryEffect[] | null = null): void {
    const model = this.homeOf(term)!;
    let { home } = model;
    const before = model.entry ?? newEntry(home.isRebuilt);
    const { entry, effects } = stepEntry(before, event, {
      settled: model.store.version,
      floor: null,
      mayGrant: model.hasLease,
      isFull: false,
      isAlone: home.isAlone,
      isLeased: (peer, session, grant) => isLeased(home, peer, session, grant),
      mint: () => {
        const minted = mintGrant(home);
        home = minted.home;
        return minted.grant;
      },
    });
    this.#observer.entry(before, event, entry, effects);
    this.setHome(model, { home, entry: isForgettable(entry) ? null : entry });
    for (const effect of effects) {
      const isAnswer = effect.kind === "confirm" || effect.kind === "refuse";
      if (into !== null && isAnswer) into.push(effect);
      else this.#entryEffect(term, effect);
    }
  }

  #entryEffect(term: number, effect: EntryEffect): void {
    const home = this.homeOf(term)!;
    const tell = (peer: string, message: Message) => {
      this.send(home.peer, numberOf(peer), term, message);
    };
    switch (effect.kind) {
      case "recall":
        return tell(effect.peer, { kind: "recall", grant: effect.grant, to: effect.to });
      case "grant": {
        const { request, grant, state, withContent } = effect;
        const { version, value } = home.store;
        const content: Content = {
          version: value === null ? null : version,
          value,
          expiresMs: null,
        };
        const granted = withContent ? content : null;
        return tell(effect.peer, { kind: "granted", request, grant, state, content: granted });
      }
      case "commit":
        this.setHome(home, { log: [...home.log, { write: effect.content }] });
        return;
      case "remove":
        this.setHome(home, { log: [...home.log, { remove: effect.grant }] });
        return;
      case "confirm":
        return tell(effect.peer, {
          kind: "confirmed",
          grant: effect.grant,
          version: effect.version,
        });
      case "refuse":
        return tell(effect.peer, {
          kind: "refused",
          grant: effect.grant,
          version: effect.version,
        });
      case "done":
        return;
    }
  }

  /** The first entry of the newest home's log is committed, and applied. @param tell whether it hears of that */
  commit(tell: boolean): void {
    const model = this.homes.at(-1)!;
    const [first, ...log] = model.log;
    const { term } = model.home;
    if ("write" in first!) {
      const { version, value } = first.write;
      if (isSettled(version, model.store.version)) throw new Error("an older write-back is logged");
      this.store = { version, value };
      this.setHome(model, { log, store: this.store });
      if (tell) this.entry(term, { kind: "committed", version });
    } else {
      const version = { ...first!.remove, write: 0 };
      this.store = { version, value: null };
      this.setHome(model, { log, store: this.store });
      this.ghost = { ...this.ghost, latest: version, floor: version, removed: version };
      if (tell) this.entry(term, { kind: "removed" });
    }
  }

  receive({ from, to, term, message }: Envelope): void {
    if (!this.peers[to]!.up) return;
    switch (message.kind) {
      case "report":
      case "ask":
      case "acknowledge":
      case "writeBack":
      case "dropped":
        return this.#atHome(from, to, term, message);
      default:
        if (term < this.peers[to]!.term) return;
        if (term > this.peers[to]!.term) this.learn(to, term);
        return this.#atPeer(from, to, message);
    }
  }

  #atHome(
    from: number,
    to: number,
    term: number,
    message: Message & { kind: "report" | "ask" | "acknowledge" | "writeBack" | "dropped" },
  ): void {
    const home = homeAt(this.current(), to);
    if (home === undefined || home.home.term !== term) return;
    const peer = nameOf(from);
    switch (message.kind) {
      case "report":
        return this.#reported(from, home, message);
      case "ask": {
        const { wish, session, request, holds } = message;
        const job: Job = { kind: wish, peer, session, request, holds };
        return this.entry(term, { kind: "ask", job });
      }
      case "acknowledge":
        return this.entry(term, { ...message, kind: "acknowledged", peer });
      case "writeBack":
      case "dropped":
        return this.entry(term, { ...message, peer });
    }
  }

  #reported(from: number, model: HomeModel, { id, line }: Message & { kind: "report" }): void {
    const { term } = model.home;
    const isNewest = model === this.homes.at(-1);
    if (!this.leaseHolders.includes(from)) {
      // A home that is none any more cannot enter anybody.
      if (!isNewest) return;
      this.leaseHolders.push(from);
    }
    if (!model.hasLease) return;
    const answer: EntryEffect[] = [];
    if (line !== null) {
      this.entry(term, { kind: "reported", peer: nameOf(from), line }, answer);
    }
    const now = this.homeOf(term)!;
    const { home, session } = peerReported(now.home, nameOf(from));
    this.setHome(now, { home });
    if (home.isRebuilt && !now.home.isRebuilt) this.rebuilt(term);
    this.send(model.peer, from, term, {
      kind: "leased",
      id,
      session,
      confirms: answer.filter((effect) => effect.kind === "confirm"),
      refuses: answer.filter((effect) => effect.kind === "refuse"),
      rebuilt: home.isRebuilt,
    });
  }

  rebuilt(term: number): void {
    if (this.homeOf(term)!.entry !== null) this.entry(term, { kind: "rebuilt" });
  }

  #atPeer(_from: number, to: number, message: Message): void {
    const { reporting } = this.peers[to]!;
    switch (message.kind) {
      case "leased":
        if (reporting !== message.id) return;
        for (const { grant, version } of message.confirms) {
          this.line(to, { kind: "confirmed", grant, version });
        }
        for (const { grant, version } of message.refuses) {
          this.line(to, { kind: "refused", grant, version });
        }
        this.setPeer(to, {
          session: message.session,
          reporting: null,
          rebuilt: message.rebuilt,
        });
        return;
      case "recall":
        return this.line(to, { ...message, nowMs: 0 });
      case "granted":
        return this.line(to, message);
      case "confirmed":
      case "refused":
        return this.line(to, message);
      default:
        return;
    }
  }
}

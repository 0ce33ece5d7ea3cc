/**
 * The homes at this peer: of every partition that it leads, once an entry of its term is applied by which this peer is
 * a lease holder. They begin and end with its leadership. Takes to each what lines tell it, and what is asked of it.
 */
import { SkeinError } from "../errors.ts";
import type { PeerId } from "../raft/entry.ts";
import type { CacheEdges } from "./cache_edges.ts";
import { encodeCacheCommand } from "./commands.ts";
import { Home } from "./home.ts";
import type { HomePost } from "./home_letters.ts";
import { decodeQuestion, HOME_METHOD, type HomeQuestion } from "./home_question_codec.ts";
import { CACHE_MACHINE } from "./machine.ts";
import type { PeerMessage } from "./messages.ts";
import type { OwnHome } from "./peer_lease.ts";

/** The partition has a leader, and no home yet: it is asked again, soon. */
const BEGIN_AGAIN_MS = 50;

/** A term in which this peer leads a partition. */
interface Reign {
  readonly term: number;
  /** Null: its first entry is not applied yet. */
  home: Home | null;
  isOver: boolean;
}

export class Homes {
  readonly #edges: CacheEdges;
  readonly #post: HomePost;
  readonly #reigns = new Map<number, Reign>();
  #closed = false;

  /** Answers what is asked of homes from now on. */
  constructor(edges: CacheEdges, post: HomePost) {
    this.#edges = edges;
    this.#post = post;
    edges.groups.answer(HOME_METHOD, (group, body) => this.#answer(group, decodeQuestion(body)));
  }

  /** A replica of a partition came to be at this peer. */
  attach(group: number): void {
    const status = this.#edges.groups.status(group);
    if (status !== null) this.#changed(group, status);
    this.#edges.groups.listen(group, {
      effects() {},
      status: (changed) => this.#changed(group, changed),
    });
  }

  /** This peer's replica was removed for good. */
  detach(group: number): void {
    this.#end(group);
  }

  #changed(group: number, { role, term }: { role: string; term: number }): void {
    const reign = this.#reigns.get(group);
    const leads = role === "leader" && !this.#closed;
    if (reign !== undefined && leads && reign.term === term) return;
    this.#end(group);
    if (leads) this.#begin(group, term);
  }

  #begin(group: number, term: number): void {
    const reign: Reign = { term, home: null, isOver: false };
    this.#reigns.set(group, reign);
    const electedMs = this.#edges.clock.monotonicMs();
    this.#enter(group, reign).then((isEntered) => {
      const replica = this.#edges.replicaOf(group);
      if (!isEntered || reign.isOver || replica === null) return;
      this.#post.together(() => {
        reign.home = new Home(this.#edges, this.#post, replica, { group, term, electedMs });
      });
    });
  }

  /** An entry of the term, by which this peer is a lease holder. @returns false where the term is over */
  async #enter(group: number, reign: Reign): Promise<boolean> {
    const { groups, self, timeouts, clock } = this.#edges;
    const command = { kind: "enterHolder", term: reign.term, peer: self } as const;
    const options = { timeoutMs: timeouts.proposeMs, request: null };
    while (!reign.isOver) {
      try {
        await groups.propose(group, CACHE_MACHINE, encodeCacheCommand(command), options);
        return true;
      } catch (error) {
        if (!(error instanceof SkeinError)) throw error;
        // Another term's leader logged it.
        if (error.code === "CONFLICT") return false;
        await new Promise<void>((resolve) => void clock.timer(BEGIN_AGAIN_MS, resolve));
      }
    }
    return false;
  }

  #end(group: number): void {
    const reign = this.#reigns.get(group);
    if (reign === undefined) return;
    this.#reigns.delete(group);
    reign.isOver = true;
    reign.home?.end();
  }

  /** The home of a partition at this peer, as its own lines see it; null: there is none. */
  own(partition: number): OwnHome | null {
    const home = this.#reigns.get(partition)?.home ?? null;
    return home === null ? null : { term: home.term, leasedFrom: home.leasedFrom };
  }

  /** What lines tell homes at this peer. */
  receive(from: PeerId, message: PeerMessage): void {
    if (message.kind !== "renew") {
      return this.#reigns.get(message.partition)?.home?.receive(from, message);
    }
    for (const lease of message.leases) {
      this.#reigns.get(lease.partition)?.home?.renew(from, message.serial, lease);
    }
  }

  async #answer(group: number, question: HomeQuestion): Promise<unknown> {
    const home = this.#reigns.get(group)?.home ?? null;
    if (home === null) {
      throw new SkeinError("UNAVAILABLE", "the key's home has not begun yet");
    }
    return await home.answer(question);
  }

  checkInvariants(): void {
    for (const { home } of this.#reigns.values()) home?.checkInvariants();
  }

  /** This peer is no home any more. */
  close(): void {
    this.#closed = true;
    for (const group of [...this.#reigns.keys()]) this.#end(group);
  }
}

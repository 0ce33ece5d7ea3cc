/**
 * One home over a manual clock and a log in memory; the test speaks for its lines, its quorum and its callers. What the
 * home sends is kept until the test takes it.
 */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { CACHE_TIMEOUTS, type CacheEdges } from "../../src/cache/cache_edges.ts";
import type { HomePost } from "../../src/cache/home_letters.ts";
import { encodeQuestion, type HomeQuestion } from "../../src/cache/home_question_codec.ts";
import { Homes } from "../../src/cache/homes.ts";
import type { Reported } from "../../src/cache/inventory.ts";
import type { Wish, Written } from "../../src/cache/line.ts";
import type { Keeps } from "../../src/cache/line_events.ts";
import { CacheMachine } from "../../src/cache/machine.ts";
import type { HomeMessage } from "../../src/cache/messages.ts";
import type { PartitionMessage } from "../../src/cache/post.ts";
import type { Grant, Version } from "../../src/cache/version.ts";
import type { Moment } from "../../src/clock.ts";
import { SkeinError } from "../../src/errors.ts";
import { encodeEnvelope } from "../../src/groups/envelope.ts";
import { GroupMachine } from "../../src/groups/group_machine.ts";
import type { GroupListener, Groups, QuestionHandler } from "../../src/groups/groups.ts";
import { errorOf } from "../../src/groups/refusal.ts";
import { Random } from "../../src/random.ts";
import { PlainValues } from "../groups/plain_values.ts";
import { ManualClock } from "../manual_clock.ts";

/** The minimum election timeout. */
export const ET = 1_000;
/** The home's own peer. */
export const SELF = "A";
const PARTITION = 1;

/** Its wall clock may jump. */
class JumpingClock extends ManualClock {
  jumpedMs = 0;

  override wallMs(): number {
    return super.wallMs() + this.jumpedMs;
  }
}

/** Lets everything happen that has only to be resumed. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export function written(grant: Grant, write: number, text = `${write}`): Written {
  const value = new TextEncoder().encode(text);
  return { version: { ...grant, write }, value, expiresMs: null };
}

interface Proposal {
  readonly payload: Uint8Array;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class HomeBench {
  readonly clock = new JumpingClock();
  readonly values = new PlainValues();
  readonly machine = new CacheMachine(this.values);
  readonly group = new GroupMachine(PARTITION, [this.machine]);
  readonly homes: Homes;
  /** What the home sent to each peer and nobody took. */
  readonly sent = new Map<string, HomeMessage[]>();
  /** Kinds of commands in the order in which they were committed. */
  readonly committed: string[] = [];
  /** Since when a quorum is heard; null: never in this term. Undefined: all the time. */
  quorum: Moment | null | undefined = undefined;
  /** Whether commands wait until `commit`. */
  isHeld = false;
  term = 0;
  #index = 1;
  #serial = 0;
  #request = 0;
  #leads = false;
  readonly #log: Proposal[] = [];
  #listener: GroupListener | null = null;
  #handler: QuestionHandler | null = null;

  constructor() {
    const post: HomePost = {
      toPeer: (peer, message) => {
        this.sent.set(peer, [...this.sent.get(peer) ?? [], message]);
      },
      together: (work) => work(),
    };
    this.homes = new Homes(this.#edges(), post);
    this.homes.attach(PARTITION);
  }

  /** A bench whose home has begun in this term, and its own peer has a lease. */
  static async begun(term = 3): Promise<HomeBench> {
    const bench = new HomeBench();
    await bench.lead(term);
    await bench.lease(SELF);
    return bench;
  }

  #edges(): CacheEdges {
    const groups = {
      answer: (_method, handler) => void (this.#handler = handler),
      listen: (_group, listener) => void (this.#listener = listener),
      status: () => null,
      timeMs: () => this.clock.monotonicMs(),
      leaderOf: () => this.#leads ? SELF : "Z",
      quorumHeard: () => {
        const { monotonicMs, wallMs } = this.#now();
        const since = this.quorum === undefined ? { monotonicMs, wallMs } : this.quorum;
        return { term: this.term, since };
      },
      propose: (_group, machine, command, { request }) => {
        const payload = encodeEnvelope(machine, request, command);
        return new Promise((resolve, reject) => {
          this.#log.push({ payload, resolve, reject });
          if (!this.isHeld) queueMicrotask(() => this.commit());
        });
      },
    } as Partial<Groups> as Groups;
    const remembers = (request: Parameters<GroupMachine["remembers"]>[0]) => {
      return this.group.remembers(request);
    };
    return {
      groups,
      transport: { send: () => true },
      clock: this.clock,
      random: new Random(1),
      logger: { log() {} } as unknown as CacheEdges["logger"],
      self: SELF,
      partitions: 1,
      electionTimeoutMs: ET,
      timeouts: CACHE_TIMEOUTS,
      replicaOf: () => ({ cache: this.machine, values: this.values, remembers }),
    };
  }

  #now(): Moment {
    return { monotonicMs: this.clock.monotonicMs(), wallMs: this.clock.wallMs() };
  }

  /** A quorum is heard no more: the last round began now. */
  loseQuorum(): void {
    this.quorum = this.#now();
  }

  /** Time passes, in small steps. */
  async pass(ms: number): Promise<void> {
    for (let leftMs = ms; leftMs > 0; leftMs -= 10) {
      this.clock.advance(Math.min(10, leftMs));
      await settled();
    }
  }

  /** Commits what waits in the log: all, or the first so many. */
  commit(count = Infinity): void {
    for (const { payload, resolve, reject } of this.#log.splice(0, count)) {
      const entry = {
        index: ++this.#index,
        term: this.term,
        kind: "command",
        timeMs: this.clock.monotonicMs(),
        payload,
      } as const;
      const { answer } = this.group.apply(entry);
      const error = errorOf(answer);
      if (error !== null) reject(error);
      else resolve(answer);
      const kind = (answer as { readonly kind?: string } | null)?.kind;
      this.committed.push(error === null ? kind ?? "nothing" : error.code);
    }
  }

  /** What waits in the log fails. */
  fail(error: SkeinError): void {
    for (const { reject } of this.#log.splice(0)) reject(error);
  }

  get waiting(): number {
    return this.#log.length;
  }

  /** This peer leads from now on, in this term. */
  async lead(term: number): Promise<void> {
    this.term = term;
    this.#status(true);
    await settled();
  }

  /** Another peer leads, in a later term. */
  async follow(): Promise<void> {
    this.term++;
    this.#status(false);
    await settled();
  }

  #status(leads: boolean): void {
    this.#leads = leads;
    const status = { role: leads ? "leader" : "follower", term: this.term };
    this.#listener!.status!(status as Parameters<NonNullable<GroupListener["status"]>>[0]);
  }

  // ---- as lines speak

  tell(peer: string, message: PartitionMessage): void {
    this.homes.receive(peer, message);
  }

  at(key: string) {
    return { partition: PARTITION, term: this.term, key };
  }

  async report(
    peer: string,
    lines: readonly { readonly key: string; readonly line: Reported }[] = [],
    term = this.term,
  ): Promise<void> {
    const at = { partition: PARTITION, term, serial: ++this.#serial };
    this.tell(peer, { kind: "report", ...at, lines });
    await settled();
  }

  /** The peer reports, and takes the answer. @returns its session */
  async lease(
    peer: string,
    lines: readonly { readonly key: string; readonly line: Reported }[] = [],
  ): Promise<number> {
    await this.report(peer, lines);
    const leased = this.take(peer).find(({ kind }) => kind === "leased");
    assert.ok(leased?.kind === "leased", `${peer} has a lease`);
    assert.equal(leased.serial, this.#serial);
    return leased.session;
  }

  renew(peer: string, session: number, term = this.term): void {
    const leases = [{ partition: PARTITION, term, session }];
    this.homes.receive(peer, { kind: "renew", serial: ++this.#serial, leases });
  }

  ask(peer: string, session: number, wish: Wish, key = "k", holds: Grant | null = null): number {
    const request = ++this.#request;
    this.tell(peer, { kind: "ask", ...this.at(key), session, request, wish, holds });
    return request;
  }

  /** Asks, and takes the grant that comes at once. */
  granted(peer: string, session: number, wish: Wish, key = "k"): Grant {
    this.ask(peer, session, wish, key);
    return this.grantOf(peer);
  }

  /** The grant that was sent to this peer. */
  grantOf(peer: string): Grant {
    const granted = this.take(peer).find(({ kind }) => kind === "granted");
    assert.ok(granted?.kind === "granted", `${peer} was granted the line`);
    return granted.grant;
  }

  acknowledge(
    peer: string,
    grant: Grant,
    options: { readonly kept?: boolean; readonly held?: boolean; readonly dirty?: Written } = {},
    key = "k",
  ): void {
    const { kept = false, held = true, dirty = null } = options;
    this.tell(peer, { kind: "acknowledge", ...this.at(key), grant, kept, held, dirty });
  }

  writeBack(
    peer: string,
    session: number,
    grant: Grant,
    content: Written,
    keeps: Keeps = "owned",
    key = "k",
  ): void {
    this.tell(peer, { kind: "writeBack", ...this.at(key), session, grant, keeps, content });
  }

  /** What was sent to this peer, which is taken away. */
  take(peer: string): readonly HomeMessage[] {
    const messages = this.sent.get(peer) ?? [];
    this.sent.delete(peer);
    return messages;
  }

  kinds(peer: string): readonly string[] {
    return this.take(peer).map(({ kind }) => kind);
  }

  // ---- as callers ask

  question(question: HomeQuestion): Promise<unknown> {
    const answer = this.#handler!(PARTITION, encodeQuestion(question), 10_000);
    answer.catch(() => {});
    return answer;
  }

  /** What is committed of a key. */
  settled(key = "k"): Version | null {
    return this.machine.settled(key);
  }

  /** The value that a reader would find; null: none. */
  value(key = "k"): string | null {
    const stored = this.machine.read(key, this.clock.monotonicMs());
    return stored === null ? null : new TextDecoder().decode(stored.inline!);
  }
}

/**
 * The leader's side of consuming one lane: who waits, entries that deliver, and dealing out what they deliver. Those
 * who wait are served in order, each with as many messages as it takes at most; one entry serves several where that is
 * possible. No entry is proposed for a lane in which nothing is ready, as far as this replica knows; that a consumer
 * gets nothing in the end is said only after a linearizable read.
 *
 * What was delivered for somebody who has gone is dealt to the next, or handed back.
 */
import { SkeinError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { DeliveredAnswer, DeliveredMessage } from "./answers.ts";
import type { LaneName } from "./commands.ts";
import { NOTHING } from "./consume_messages.ts";
import { notLedHere } from "./delivered_bodies.ts";
import type { QueueCounters } from "./queue_counters.ts";
import { proposeCommand, type QueueEdges, type QueueReplica } from "./queue_edges.ts";
import { type Share, ShareServer } from "./share_server.ts";
import type { Waiter } from "./waiter.ts";
import { WaitingLine } from "./waiting_line.ts";

/** Of the bodies of one entry, and so of one answer: it must fit the smallest frame between peers. */
const DELIVERY_BYTES_MAX = LIMITS.commandBytesMax;
/** While entries for several are under way, further waiters gather for the next one. */
const SHARED_ENTRIES_MAX = 2;

export class LaneDesk {
  readonly #edges: QueueEdges;
  readonly #group: number;
  readonly #name: LaneName;
  readonly #idle: () => void;
  readonly #shares: ShareServer;
  /** Consumers that have no answer yet; counted by who brings them. */
  open = 0;
  readonly #line = new WaitingLine();
  /** For these an entry is proposed whatever is ready. */
  #urgent: Waiter[] = [];
  #entries = 0;
  #sharedEntries = 0;
  /** How many messages the entries under way may take. */
  #asked = 0;
  #waking = false;

  /** @param idle called when nobody waits here any more */
  constructor(
    edges: QueueEdges,
    counters: QueueCounters,
    group: number,
    name: LaneName,
    idle: () => void,
  ) {
    this.#edges = edges;
    this.#group = group;
    this.#name = name;
    this.#idle = idle;
    this.#shares = new ShareServer(edges, counters, group, name, (waiter) => this.#wait(waiter));
  }

  get group(): number {
    return this.#group;
  }

  /** Takes a consumer up: it has its answer when its wait is over, or before. */
  take(waiter: Waiter): void {
    const replica = this.#edges.replicaOf(this.#group);
    if (replica === null) {
      waiter.reject(notLedHere(this.#group));
      return this.wake();
    }
    if (this.#mustPropose(waiter, replica)) this.#urgent.push(waiter);
    else this.#line.add(waiter);
    this.#look();
    if (waiter.waits) this.#arm(waiter);
  }

  /** Whether only the log can tell: the lane is not there yet, is another one, or the request comes again. */
  #mustPropose(
    { question: { request, address }, proposed }: Waiter,
    replica: QueueReplica,
  ): boolean {
    // Once it was proposed the log remembers it, whatever came of that.
    if (request !== null && !proposed && replica.remembers(request)) return true;
    const view = replica.queue.lane(this.#name);
    return view === undefined || view.settings.options.lanes !== address.lanes;
  }

  /** Its consumer has gone. */
  cancel(waiter: Waiter): void {
    this.#line.remove(waiter);
    waiter.cancel();
    this.wake();
  }

  /** Something may be ready. Nothing is proposed in the midst of an apply. */
  wake(): void {
    if (this.#waking) return;
    this.#waking = true;
    queueMicrotask(() => {
      this.#waking = false;
      this.#look();
    });
  }

  /** This peer leads the lane no longer: those who wait are told so, and ask the next leader. */
  sendAway(error: SkeinError): void {
    for (const waiter of this.#line.takeAll()) waiter.reject(error);
    this.wake();
  }

  #look(): void {
    const urgent = this.#urgent;
    this.#urgent = [];
    for (const waiter of urgent) if (!waiter.done) this.#start([waiter]);
    // A lane that is not there comes to be with the first entry for it.
    if (this.#ready() === null && this.#entries === 0) this.#start(this.#line.takeAlike(1));
    for (let left = this.#left(); left > 0; left = this.#left()) {
      const isShared = this.#line.first?.question.request === null;
      if (isShared && this.#sharedEntries >= SHARED_ENTRIES_MAX) break;
      const waiters = this.#line.takeAlike(Math.min(left, LIMITS.queueBatchMax));
      if (waiters.length === 0) break;
      this.#start(waiters);
    }
    if (this.#line.size === 0 && this.#entries === 0 && this.#urgent.length === 0) this.#idle();
  }

  /** How many messages those who wait could have; null where the lane is not there. */
  #ready(): number | null {
    const replica = this.#edges.replicaOf(this.#group);
    return this.#line.size === 0 || replica === null ? 0 : replica.queue.deliverable(this.#name);
  }

  /** The same, less what was asked for already. */
  #left(): number {
    return (this.#ready() ?? 0) - this.#asked;
  }

  /** @param waiters alike */
  #start(waiters: readonly Waiter[]): void {
    const isShared = waiters[0]!.question.request === null;
    let asked = 0;
    for (const waiter of waiters) {
      asked += waiter.question.max;
      waiter.proposed = true;
    }
    asked = Math.min(asked, LIMITS.queueBatchMax);
    this.#entries++;
    this.#asked += asked;
    if (isShared) this.#sharedEntries++;
    this.#deliver(waiters, asked).then((messages) => {
      this.#asked -= asked;
      if (isShared) this.#sharedEntries--;
      const serving = messages === null ? null : this.#deal(waiters, messages);
      this.#look();
      return serving;
    }).catch((error) => {
      for (const waiter of waiters) {
        this.#line.remove(waiter);
        if (!waiter.done) waiter.reject(error);
      }
    }).finally(() => {
      this.#entries--;
      this.wake();
    });
  }

  /** @returns what one entry delivered for them; null where they were told why it did not */
  async #deliver(
    waiters: readonly Waiter[],
    max: number,
  ): Promise<readonly DeliveredMessage[] | null> {
    const { address, consumer, visibilityMs, request } = waiters[0]!.question;
    const command = {
      kind: "deliver",
      ...address,
      consumer,
      max,
      bytesMax: DELIVERY_BYTES_MAX,
      visibilityMs,
    } as const;
    try {
      const answer = await proposeCommand(this.#edges, this.#group, command, request);
      return (answer as DeliveredAnswer).messages;
    } catch (error) {
      if (!(error instanceof SkeinError)) throw error;
      for (const waiter of waiters) if (!waiter.done) waiter.reject(error);
      return null;
    }
  }

  /** Whoever is left without anything waits on. */
  #deal(waiters: readonly Waiter[], messages: readonly DeliveredMessage[]): Promise<void> {
    const nowMs = this.#edges.clock.monotonicMs();
    const shares: Share[] = [];
    let dealt = 0;
    const isKept = waiters[0]!.keepsLate(nowMs);
    const deal = (waiter: Waiter) => {
      if (!waiter.wants(nowMs)) return waiter.cancel();
      if (dealt >= messages.length) return this.#wait(waiter);
      const share = messages.slice(dealt, dealt + waiter.question.max);
      dealt += share.length;
      shares.push({ waiter, messages: share });
    };
    for (const waiter of waiters) deal(waiter);
    while (dealt < messages.length) {
      const next = this.#line.takeLike(waiters[0]!);
      if (next === null) break;
      deal(next);
    }
    if (!isKept) this.#shares.handBack(messages.slice(dealt));
    return this.#shares.serve(shares);
  }

  /** It got nothing this time. */
  #wait(waiter: Waiter): void {
    const replica = this.#edges.replicaOf(this.#group);
    if (replica === null || this.#edges.groups.leaderOf(this.#group) !== this.#edges.self) {
      return waiter.reject(notLedHere(this.#group));
    }
    this.#line.add(waiter);
    this.#arm(waiter);
  }

  /** Its wait goes on until its time is over. */
  #arm(waiter: Waiter): void {
    if (waiter.timer !== null) return;
    const leftMs = waiter.untilMs - this.#edges.clock.monotonicMs();
    const over = () => {
      waiter.timer = null;
      this.#over(waiter);
    };
    if (leftMs <= 0) over();
    else waiter.timer = this.#edges.clock.timer(leftMs, over);
  }

  /** Where an entry is under way for it, that decides. */
  #over(waiter: Waiter): void {
    if (!waiter.waits) return;
    if (waiter.question.last) void this.#lastLook(waiter);
    else this.#sendEmpty(waiter);
  }

  /** Whether there is nothing for it, only a linearizable read can say. */
  async #lastLook(waiter: Waiter): Promise<void> {
    try {
      await this.#edges.groups.readBarrier(this.#group, this.#edges.timeouts.readMs);
      const replica = this.#edges.replicaOf(this.#group);
      if (!waiter.waits) return;
      if (replica === null) throw notLedHere(this.#group);
      const isThere = replica.queue.deliverable(this.#name) !== 0;
      if (!isThere && !this.#mustPropose(waiter, replica)) return this.#sendEmpty(waiter);
      this.#line.remove(waiter);
      this.#urgent.push(waiter);
      this.#look();
    } catch (error) {
      this.#line.remove(waiter);
      if (!waiter.done) waiter.reject(error);
      this.wake();
    }
  }

  #sendEmpty(waiter: Waiter): void {
    this.#line.remove(waiter);
    waiter.resolve(NOTHING);
    this.wake();
  }
}

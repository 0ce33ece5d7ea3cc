/**
 * The replicated state machine of locks: takes commands in the log's order and answers them by the rules
 * (`lock_rules.ts`) over the state (`lock_state.ts`). Pure: time is group time, handed in with each entry.
 *
 * Guarantees, on every replica alike: never two holders that exclude each other; fencing tokens from one
 * counter, so strictly increasing; first come, first served; a lease ends with the first entry whose time has
 * reached its deadline; no two owners wait for each other after an entry was applied.
 */
import type { ApplyContext, Attachment, Machine, Outcome } from "../groups/machine.ts";
import { refuse } from "../groups/refusal.ts";
import { joinRows, readRows, RowChunks } from "../groups/snapshot_rows.ts";
import { LIMITS } from "../limits.ts";
import type { AcquireAnswer, GrantedAnswer, LockAnswer, LockEffect } from "./answers.ts";
import {
  type AcquireCommand,
  type CancelCommand,
  decodeLockCommand,
  type DetachCommand,
  encodeLockCommand,
  type LockCommand,
  type ReleaseCommand,
  type RenewCommand,
  sameAttachment,
} from "./commands.ts";
import { grantedAnswer, heldAnswer, LockRules } from "./lock_rules.ts";
import { loadLocks } from "./lock_rows.ts";
import { type Grant, type Lock, LockState, type Owner, type Waiter } from "./lock_state.ts";

export const LOCKS_MACHINE = "locks";

export interface LockLimits {
  readonly lockHoldersMax: number;
  readonly lockWaitersMax: number;
  readonly lockWaitersTotalMax: number;
  readonly lockGrantsMax: number;
}

interface LockOutcome extends Outcome<LockEffect> {
  readonly answer: LockAnswer;
}

/** Of one request, open at once; past it an attempt is refused. */
const ATTACHMENTS_MAX = 64;

/** The first row of a snapshot: `[nextToken, lastIndex]`. */
type HeaderRow = readonly [number, number];

export class LockMachine implements Machine<LockCommand, LockEffect> {
  readonly name = LOCKS_MACHINE;
  readonly #limits: LockLimits;
  readonly #state = new LockState();
  readonly #rules = new LockRules(this.#state);
  #lastIndex = 0;

  constructor(limits: LockLimits = LIMITS) {
    this.#limits = limits;
  }

  decode(body: unknown): LockCommand | null {
    return decodeLockCommand(body);
  }

  /** A retry may ask to wait less long, and comes through another open request. */
  identityOf(command: LockCommand): unknown {
    if (command.kind !== "acquire") return encodeLockCommand(command);
    const { kind, resource, owner, mode, ttlMs } = command;
    return [kind, resource, owner, mode, ttlMs];
  }

  apply(command: LockCommand, context: ApplyContext): LockOutcome {
    this.#lastIndex = context.index;
    switch (command.kind) {
      case "acquire":
        return this.#acquire(command, context);
      case "release":
        return this.#release(command, context);
      case "renew":
        return this.#renew(command, context);
      case "cancel":
        return this.#cancel(command, context);
      case "detach":
        return this.#detach(command, context);
    }
  }

  #acquire(command: AcquireCommand, context: ApplyContext): LockOutcome {
    const owner = this.#state.owner(command.owner);
    const full = this.#fullFor(command, owner);
    if (full !== null) return full;
    const lock = this.#state.change(command.resource);
    const grant = this.#rules.grantNow(lock, owner, command, context);
    const effects: LockEffect[] = [];
    if (grant !== null) return { answer: grantedAnswer(grant), effects };
    if (command.waitMs === 0) {
      lock.contended = true;
      return { answer: heldAnswer(lock), effects };
    }
    const { lockWaitersMax, lockWaitersTotalMax } = this.#limits;
    if (lock.waiting >= lockWaitersMax) return tooMany(`wait for ${lock.resource}`);
    if (this.#state.waiting.size >= lockWaitersTotalMax) return tooMany("wait for locks");
    const refused = this.#rules.enqueue(lock, command, context, effects);
    if (refused !== null) return { answer: refused, effects };
    const ticket = context.index;
    return { answer: { kind: "waiting", ticket }, effects, ticket };
  }

  /** Bounds are for new grants: who holds the lock may always refresh its lease. */
  #fullFor({ resource, mode }: AcquireCommand, owner: Owner | undefined): LockOutcome | null {
    const { grants, waiting } = this.#state;
    const holders = this.#state.locks.get(resource)?.holders;
    if (owner !== undefined && holders?.has(owner)) return null;
    if (grants + waiting.size >= this.#limits.lockGrantsMax) return tooMany("hold locks");
    const count = mode === "shared" ? holders?.size ?? 0 : 0;
    return count >= this.#limits.lockHoldersMax ? tooMany(`hold ${resource}`) : null;
  }

  /** The same acquire again: it must neither wait twice nor be granted twice. */
  repeat(command: LockCommand, answer: unknown, context: ApplyContext): LockOutcome {
    this.#lastIndex = context.index;
    const former = answer as LockAnswer;
    if (command.kind !== "acquire" || !("kind" in former)) return { answer: former, effects: [] };
    switch (former.kind) {
      case "waiting": {
        const waiter = this.#waiterOf(command, former.ticket);
        if (waiter === null) return this.#acquire(command, context);
        return this.#attach(waiter, command, former, context);
      }
      case "granted":
        return this.#grantAgain(command, former);
      case "cancelled":
        return this.#acquire(command, context);
      default:
        return { answer: former, effects: [] };
    }
  }

  /** The waiter keeps its place; it now belongs to a further open request, which says how long it waits. */
  #attach(
    waiter: Waiter,
    command: AcquireCommand,
    answer: LockAnswer,
    context: ApplyContext,
  ): LockOutcome {
    const { lock, sequence: ticket } = waiter;
    if (isAttached(waiter, command.attachment)) return { answer, effects: [], ticket };
    if (waiter.attachments.length >= ATTACHMENTS_MAX) return TOO_MANY_ATTEMPTS;
    this.#state.change(lock.resource);
    waiter.attachments = [...waiter.attachments, command.attachment];
    if (command.waitMs > 0) {
      this.#state.setDeadline(waiter, context.timeMs + command.waitMs);
      return { answer, effects: [], ticket };
    }
    const effects: LockEffect[] = [];
    lock.contended = true;
    const held = heldAnswer(lock);
    this.#rules.endWaits([waiter], held, context, effects);
    return { answer: held, effects };
  }

  /** What a request that was granted is answered when it comes again. */
  #grantAgain(command: AcquireCommand, former: GrantedAnswer): LockOutcome {
    const grant = this.#held(command.resource, command.owner, former.token);
    if (grant === null) return LEASE_EXPIRED;
    const { attachments, deadlineMs } = grant;
    if (attachments.length > 0 && !isAttached(grant, command.attachment)) {
      if (attachments.length >= ATTACHMENTS_MAX) return TOO_MANY_ATTEMPTS;
      this.#state.change(command.resource);
      grant.attachments = [...attachments, command.attachment];
    }
    const answer = former.deadlineMs === deadlineMs ? former : grantedAnswer(grant);
    return { answer, effects: [] };
  }

  #release(command: ReleaseCommand, context: ApplyContext): LockOutcome {
    const grant = this.#held(command.resource, command.owner, command.token);
    if (grant === null) return NOT_HELD;
    const effects: LockEffect[] = [];
    this.#state.change(command.resource);
    this.#rules.endGrant(grant, context, effects);
    return { answer: RELEASED, effects };
  }

  #renew(command: RenewCommand, context: ApplyContext): LockOutcome {
    const grant = this.#held(command.resource, command.owner, command.token);
    if (grant === null) return NOT_HELD;
    this.#state.change(command.resource);
    // The owner knows of its grant: no cancel may take it away any more.
    grant.attachments = [];
    this.#state.setDeadline(grant, context.timeMs + (command.ttlMs ?? grant.ttlMs));
    const { token, deadlineMs } = grant;
    return { answer: { kind: "renewed", token, deadlineMs }, effects: [] };
  }

  #cancel(command: CancelCommand, context: ApplyContext): LockOutcome {
    const { resource, attachment } = command;
    const owner = this.#state.owner(command.owner);
    const lock = this.#state.locks.get(resource);
    if (owner === undefined || lock === undefined) return ended("nothing", []);
    const effects: LockEffect[] = [];
    for (const waiter of owner.waiters) {
      if (waiter.lock !== lock || !isAttached(waiter, attachment)) continue;
      this.#state.change(resource);
      if (waiter.attachments.length > 1) return leaves(waiter, attachment);
      this.#rules.endWaits([waiter], CANCELLED, context, effects);
      return ended("waiter", effects);
    }
    const grant = lock.holders.get(owner);
    if (grant === undefined || !isAttached(grant, attachment)) return ended("nothing", []);
    this.#state.change(resource);
    if (grant.attachments.length > 1) return leaves(grant, attachment);
    this.#rules.endGrant(grant, context, effects);
    return ended("grant", effects);
  }

  #detach({ peer, bootId }: DetachCommand, context: ApplyContext): LockOutcome {
    const gone: Waiter[] = [];
    const isOver = (one: Attachment) => one.peer === peer && one.bootId === bootId;
    for (const waiter of this.#state.waiting) {
      if (!waiter.attachments.some(isOver)) continue;
      this.#state.change(waiter.lock.resource);
      const left = waiter.attachments.filter((one) => !isOver(one));
      if (left.length === 0) gone.push(waiter);
      else waiter.attachments = left;
    }
    const effects: LockEffect[] = [];
    this.#rules.endWaits(gone, CANCELLED, context, effects);
    return { answer: { kind: "detached", waiters: gone.length }, effects };
  }

  expire(context: ApplyContext): readonly LockEffect[] {
    this.#lastIndex = context.index;
    const effects: LockEffect[] = [];
    for (;;) {
      const due = this.#state.firstDue();
      if (due === null || due.deadlineMs > context.timeMs) return effects;
      this.#state.change(due.lock.resource);
      if (due.kind === "grant") this.#rules.endLease(due, context, effects);
      else this.#rules.endWaits([due], heldAnswer(due.lock), context, effects);
    }
  }

  nextDeadlineMs(): number | null {
    return this.#state.firstDue()?.deadlineMs ?? null;
  }

  #held(resource: string, name: string, token: number | null): Grant | null {
    const owner = this.#state.owner(name);
    if (owner === undefined) return null;
    const grant = this.#state.locks.get(resource)?.holders.get(owner);
    if (grant === undefined) return null;
    return token === null || token === grant.token ? grant : null;
  }

  #waiterOf({ resource, owner }: LockName, ticket: number): Waiter | null {
    for (const waiter of this.#state.owner(owner)?.waiters ?? []) {
      if (waiter.sequence === ticket && waiter.lock.resource === resource) return waiter;
    }
    return null;
  }

  /** Grants in force and waiters, of all resources. */
  get counts(): { readonly held: number; readonly waiting: number } {
    return { held: this.#state.grants, waiting: this.#state.waiting.size };
  }

  /** The lock as it is now, not to be changed; undefined where nobody holds or waits for it. */
  lock(resource: string): Lock | undefined {
    return this.#state.locks.get(resource);
  }

  /** All locks, in no particular order. Must not be held across an apply. */
  locks(): Iterable<Lock> {
    return this.#state.locks.values();
  }

  /** The locks that somebody waits for; the one that was waited for first is first. */
  waitedFor(): readonly Lock[] {
    const locks = new Set<Lock>();
    for (const { lock } of this.#state.waiting) locks.add(lock);
    return [...locks];
  }

  /**
   * What became of a wait, as far as this replica has applied.
   * @returns `unseen` while the entry that began it is not applied here; `gone` where the wait ended and, if by
   * a grant, that has ended too
   */
  waitState(name: LockName, ticket: number): "unseen" | "waiting" | AcquireAnswer | "gone" {
    if (this.#lastIndex < ticket) return "unseen";
    if (this.#waiterOf(name, ticket) !== null) return "waiting";
    const grant = this.#held(name.resource, name.owner, null);
    return grant !== null && grant.sequence === ticket ? grantedAnswer(grant) : "gone";
  }

  snapshot(): Iterator<Uint8Array> {
    const header: HeaderRow = [this.#state.nextToken, this.#lastIndex];
    return new RowChunks(joinRows([header].values(), this.#state.locks.snapshot()));
  }

  restore(chunks: Iterable<Uint8Array>): void {
    this.#state.clear();
    const rows = readRows(chunks);
    const header = rows.next();
    this.#lastIndex = 0;
    if (header.done === true) return;
    const [nextToken, lastIndex] = header.value as HeaderRow;
    this.#state.nextToken = nextToken;
    this.#lastIndex = lastIndex;
    loadLocks(this.#state, rows);
  }

  checkInvariants(): void {
    this.#state.checkInvariants();
    this.#rules.checkInvariants();
  }
}

export interface LockName {
  readonly resource: string;
  readonly owner: string;
}

const NOT_HELD: LockOutcome = { answer: { kind: "notHeld" }, effects: [] };
const RELEASED: LockAnswer = { kind: "released" };
const LEASE_EXPIRED: LockOutcome = { answer: { kind: "leaseExpired" }, effects: [] };
const CANCELLED: AcquireAnswer = { kind: "cancelled" };

function ended(found: "waiter" | "grant" | "nothing", effects: LockEffect[]): LockOutcome {
  return { answer: { kind: "ended", found }, effects };
}

function isAttached({ attachments }: Grant | Waiter, attachment: Attachment): boolean {
  return attachments.some((one) => sameAttachment(one, attachment));
}

/** One of several open requests is gone: the others still count on it. */
function leaves(one: Grant | Waiter, attachment: Attachment): LockOutcome {
  one.attachments = one.attachments.filter((other) => !sameAttachment(other, attachment));
  return ended("nothing", []);
}

function tooMany(what: string): LockOutcome {
  return { answer: refuse("TOO_MANY_REQUESTS", `too many already ${what}`), effects: [] };
}

const TOO_MANY_ATTEMPTS = tooMany("wait for this request's answer");

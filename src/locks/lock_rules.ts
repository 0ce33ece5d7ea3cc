/**
 * The rules of one lock: who may have it now, who waits where, what follows when a grant or a wait ends, and
 * which waiter is refused when owners wait for each other. Shared holders together; whoever asks later than a
 * waiter waits behind it, so that an exclusive waiter is not starved; an owner that holds shared and wants
 * exclusive waits at the head.
 *
 * All methods take a lock that was made ready with `LockState.change`, and append to the caller's effects.
 */
import { assert } from "../assert.ts";
import type { ApplyContext } from "../groups/machine.ts";
import {
  type AcquireAnswer,
  CYCLE_SHOWN_MAX,
  type GrantedAnswer,
  type HeldLock,
  HOLDERS_SHOWN_MAX,
  type LockEffect,
  WAITERS_SHOWN_MAX,
} from "./answers.ts";
import type { AcquireCommand } from "./commands.ts";
import type { Grant, Lock, LockState, Owner, Waiter } from "./lock_state.ts";
import type { LockMode } from "./locks.ts";
import { cycleEdges, WaitForGraph } from "./wait_for_graph.ts";

/** What of a request decides about its grant, asked just now or waiting. */
type Wish = Pick<Waiter, "mode" | "ttlMs" | "attachments" | "sequence">;

export class LockRules {
  readonly #state: LockState;
  readonly #graph = new WaitForGraph();

  constructor(state: LockState) {
    this.#state = state;
  }

  /**
   * What a request gets without waiting: a new grant, or, where its owner holds the lock in a mode that covers
   * the wish, the grant that it has, its lease refreshed.
   * @returns null where it would have to wait
   */
  grantNow(lock: Lock, owner: Owner | undefined, command: AcquireCommand, context: ApplyContext) {
    const own = owner === undefined ? undefined : lock.holders.get(owner);
    if (own === undefined) {
      const free = lock.first === null && this.#compatible(lock, command.mode);
      return free ? this.#grant(lock, command.owner, wishOf(command, context), context) : null;
    }
    if (covers(own.mode, command.mode)) return this.#refresh(own, command.ttlMs, context);
    if (lock.holders.size > 1) return null;
    return this.#grant(lock, command.owner, wishOf(command, context), context);
  }

  /** Whether a new owner may have the lock together with those who hold it. */
  #compatible(lock: Lock, mode: LockMode): boolean {
    for (const holder of lock.holders.values()) {
      return mode === "shared" && holder.mode === "shared";
    }
    return true;
  }

  #grant(lock: Lock, owner: string, wish: Wish, context: ApplyContext): Grant {
    const { mode, ttlMs, attachments, sequence } = wish;
    return this.#state.addGrant({
      lock,
      owner: this.#state.ownerFor(owner),
      mode,
      token: this.#state.nextToken++,
      acquiredMs: context.timeMs,
      deadlineMs: context.timeMs + ttlMs,
      sequence,
      ttlMs,
      attachments,
    });
  }

  /** Another request rests on this grant from now on: cancelling either must not take it from the other. */
  #refresh(grant: Grant, ttlMs: number, context: ApplyContext): Grant {
    grant.ttlMs = ttlMs;
    grant.attachments = [];
    this.#state.setDeadline(grant, context.timeMs + ttlMs);
    return grant;
  }

  /**
   * Queues a request that cannot be granted now, and breaks the cycles that it closes.
   * @returns null where it waits, or has ended by an effect already; else the answer to the youngest of a cycle
   */
  enqueue(
    lock: Lock,
    command: AcquireCommand,
    context: ApplyContext,
    effects: LockEffect[],
  ): AcquireAnswer | null {
    const owner = this.#state.ownerFor(command.owner);
    const fields = {
      lock,
      owner,
      ...wishOf(command, context),
      sinceMs: context.timeMs,
      deadlineMs: context.timeMs + command.waitMs,
    };
    this.#state.addWaiter(fields, placeOf(lock, owner));
    return this.#breakCycles(owner, context, effects);
  }

  /** Every new edge of the graph ends or begins at the owner whose waiter was added. */
  #breakCycles(
    owner: Owner,
    context: ApplyContext,
    effects: LockEffect[],
  ): AcquireAnswer | null {
    let own: AcquireAnswer | null = null;
    for (;;) {
      const cycle = this.#graph.findCycle(owner);
      if (cycle === null) return own;
      const victim = cycle.reduce((a, b) => a.sequence > b.sequence ? a : b);
      const edges = cycleEdges(cycle, victim, CYCLE_SHOWN_MAX);
      const resource = victim.lock.resource;
      effects.push({
        kind: "deadlock",
        victim: { owner: victim.owner.name, resource },
        cycle: edges,
      });
      const answer = { kind: "deadlock", cycle: edges } as const;
      this.#state.change(resource);
      if (victim.sequence === context.index) {
        own = answer;
        this.#state.removeWaiter(victim);
        this.serve(victim.lock, context, effects);
      } else {
        this.endWaits([victim], answer, context, effects);
      }
    }
  }

  /** Grants the lock to those at the head of the queue who may have it now. */
  serve(lock: Lock, context: ApplyContext, effects: LockEffect[]): void {
    for (let head = lock.first; head !== null; head = lock.first) {
      const grant = this.#grantHead(lock, head, context);
      if (grant === null) break;
      // Only now, because an owner that neither holds nor waits is forgotten.
      this.#state.removeWaiter(head);
      settle(head, grantedAnswer(grant), effects);
    }
    this.#state.tidy(lock);
  }

  #grantHead(lock: Lock, head: Waiter, context: ApplyContext): Grant | null {
    const own = lock.holders.get(head.owner);
    if (own !== undefined && covers(own.mode, head.mode)) {
      return this.#refresh(own, head.ttlMs, context);
    }
    const free = own === undefined ? this.#compatible(lock, head.mode) : lock.holders.size === 1;
    return free ? this.#grant(lock, head.owner.name, head, context) : null;
  }

  /** Waits are over without a grant. All are taken away first, so that none of them is granted a lock. */
  endWaits(
    waiters: readonly Waiter[],
    answer: AcquireAnswer,
    context: ApplyContext,
    effects: LockEffect[],
  ): void {
    for (const waiter of waiters) {
      this.#state.removeWaiter(waiter);
      settle(waiter, answer, effects);
    }
    for (const { lock } of waiters) this.serve(lock, context, effects);
  }

  /** A grant is given back. */
  endGrant(grant: Grant, context: ApplyContext, effects: LockEffect[]): void {
    this.#state.removeGrant(grant);
    this.serve(grant.lock, context, effects);
  }

  /** A grant's time is over; whoever wants the lock was kept from it by an owner that may be gone. */
  endLease(grant: Grant, context: ApplyContext, effects: LockEffect[]): void {
    const { lock, owner, token } = grant;
    if (lock.contended || lock.waiting > 0) {
      const waiters: string[] = [];
      for (let at = lock.first; at !== null; at = at.behind) {
        if (waiters.length === WAITERS_SHOWN_MAX) break;
        waiters.push(at.owner.name);
      }
      const resource = lock.resource;
      effects.push({ kind: "leaseTimeout", resource, owner: owner.name, token, waiters });
    }
    this.endGrant(grant, context, effects);
  }

  /** Throws an AssertionError if somebody waits who need not, or holds what he may not. */
  checkInvariants(): void {
    for (const lock of this.#state.locks.values()) {
      const modes = [...lock.holders.values()].map(({ mode }) => mode);
      assert(modes.length < 2 || !modes.includes("exclusive"), "an exclusive holder is alone");
      const head = lock.first;
      if (head === null) continue;
      const own = lock.holders.get(head.owner);
      const free = own === undefined
        ? this.#compatible(lock, head.mode)
        : covers(own.mode, head.mode) || lock.holders.size === 1;
      assert(!free, `${head.owner.name} waits for ${lock.resource}, which it could have`);
    }
  }
}

/** Whether a grant in mode `held` is all that a request for `wanted` asks. */
function covers(held: LockMode, wanted: LockMode): boolean {
  return held === "exclusive" || wanted === "shared";
}

function wishOf(command: AcquireCommand, context: ApplyContext): Wish {
  const { mode, ttlMs, attachment } = command;
  return { mode, ttlMs, attachments: [attachment], sequence: context.index };
}

/**
 * Behind whom a new waiter goes. An owner has one place in a queue: its second request stands behind its
 * first, or it would wait for others who wait for itself.
 */
function placeOf(lock: Lock, owner: Owner): Waiter | null {
  let own: Waiter | null = null;
  for (const waiter of owner.waiters) if (waiter.lock === lock) own = waiter;
  if (own !== null) return own;
  return lock.holders.has(owner) ? null : lock.last;
}

function settle(waiter: Waiter, answer: AcquireAnswer, effects: LockEffect[]): void {
  const { attachments, sequence } = waiter;
  effects.push({ kind: "settled", settles: { ticket: sequence, answer }, attachments });
}

/** The answer that tells of a grant. */
export function grantedAnswer({ token, deadlineMs }: Grant): GrantedAnswer {
  return { kind: "granted", token, deadlineMs };
}

/** The answer to a request that may not wait, or no longer. */
export function heldAnswer(lock: Lock): AcquireAnswer {
  const holders: HeldLock[] = [];
  for (const grant of lock.holders.values()) {
    if (holders.length === HOLDERS_SHOWN_MAX) break;
    holders.push(heldLock(grant));
  }
  return { kind: "held", holders };
}

export function heldLock(grant: Grant): HeldLock {
  const { owner, mode, token, acquiredMs, deadlineMs } = grant;
  return { owner: owner.name, mode, token, acquiredMs, deadlineMs };
}

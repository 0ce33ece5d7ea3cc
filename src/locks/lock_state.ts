/**
 * Who holds what and who waits for what: locks, their owners, grants and waiters, linked with each other so
 * that the rules (`machine.ts`) and the deadlock search (`wait_for_graph.ts`) need no look-ups. This file keeps
 * the links, the deadlines, the counts and the snapshot's copy-on-write right; it decides nothing.
 *
 * A waiter's sequence, and the ticket of its request, is the index of the entry that brought it; a grant has
 * the sequence of its request. The owner's `waiters` and a lock's `holders` are in the order in which they
 * came: the search goes by it, so it must be the same on every replica.
 */
import { assert } from "../assert.ts";
import type { Attachment } from "../groups/machine.ts";
import { SnapshotMap } from "../groups/snapshot_map.ts";
import { DeadlineHeap, type Timed } from "./deadline_heap.ts";
import { type LockRow, lockRow } from "./lock_rows.ts";
import type { LockMode } from "./locks.ts";

export interface Owner {
  readonly name: string;
  /** How many grants it has. */
  grants: number;
  /** In order of sequence. */
  readonly waiters: Set<Waiter>;
  /** The last search that came by, and the waiter through which it came. */
  searched: number;
  reachedBy: Waiter | null;
}

export interface Lock {
  readonly resource: string;
  readonly holders: Map<Owner, Grant>;
  /** The queue; linked through the waiters. */
  first: Waiter | null;
  last: Waiter | null;
  waiting: number;
  /** A try was refused since it was last free. */
  contended: boolean;
  /** The last search that went through all holders. */
  searched: number;
}

export interface Grant extends Timed {
  readonly kind: "grant";
  readonly lock: Lock;
  readonly owner: Owner;
  readonly mode: LockMode;
  readonly token: number;
  readonly acquiredMs: number;
  /** What was asked for at acquire. */
  ttlMs: number;
  /**
   * Where the one request that rests on this grant is open: it is given back when all of these cancel. None
   * once the owner is known to have it, or several requests do.
   */
  attachments: readonly Attachment[];
}

export interface Waiter extends Timed {
  readonly kind: "waiter";
  readonly lock: Lock;
  readonly owner: Owner;
  readonly mode: LockMode;
  readonly sinceMs: number;
  readonly ttlMs: number;
  /**
   * Where its request is open; at least one. A retry adds to them, because the attempt before it may still be
   * on its way: whichever copy comes last must not be able to take away what another one told its caller.
   */
  attachments: readonly Attachment[];
  before: Waiter | null;
  behind: Waiter | null;
  /** The last search that went through everything before it: all of it, or what is exclusive. */
  searchedAll: number;
  searchedExclusive: number;
}

export type GrantFields = Pick<
  Grant,
  | "lock"
  | "owner"
  | "mode"
  | "token"
  | "acquiredMs"
  | "deadlineMs"
  | "sequence"
  | "ttlMs"
  | "attachments"
>;
export type WaiterFields = Pick<
  Waiter,
  "lock" | "owner" | "mode" | "sinceMs" | "deadlineMs" | "sequence" | "ttlMs" | "attachments"
>;

export class LockState {
  readonly locks = new SnapshotMap<string, Lock, LockRow>(lockRow);
  readonly #owners = new Map<string, Owner>();
  readonly #deadlines = new DeadlineHeap<Grant | Waiter>();
  /** The counter of fencing tokens: the next one. */
  nextToken = 1;
  grants = 0;
  /** All that wait, in order of sequence. */
  readonly waiting = new Set<Waiter>();

  /** The grant or waiter that ends first. */
  firstDue(): Grant | Waiter | null {
    return this.#deadlines.first();
  }

  /** The lock, ready to be changed; made where nobody holds or waits for it. */
  change(resource: string): Lock {
    const known = this.locks.get(resource);
    if (known !== undefined) {
      this.locks.touch(resource);
      return known;
    }
    const lock: Lock = {
      resource,
      holders: new Map(),
      first: null,
      last: null,
      waiting: 0,
      contended: false,
      searched: 0,
    };
    this.locks.set(resource, lock);
    return lock;
  }

  /** Drops the lock if nobody holds or waits for it. Must follow what may have emptied it. */
  tidy(lock: Lock): void {
    if (lock.holders.size === 0 && lock.waiting === 0) this.locks.delete(lock.resource);
  }

  owner(name: string): Owner | undefined {
    return this.#owners.get(name);
  }

  /** The owner, made where it neither holds nor waits. Must be given a grant or a waiter next. */
  ownerFor(name: string): Owner {
    const known = this.#owners.get(name);
    if (known !== undefined) return known;
    const owner = { name, grants: 0, waiters: new Set<Waiter>(), searched: 0, reachedBy: null };
    this.#owners.set(name, owner);
    return owner;
  }

  #tidyOwner(owner: Owner): void {
    if (owner.grants === 0 && owner.waiters.size === 0) this.#owners.delete(owner.name);
  }

  /** In place of the owner's former grant of this lock, where it has one. */
  addGrant(fields: GrantFields): Grant {
    const { lock, owner } = fields;
    const grant: Grant = { kind: "grant", ...fields, place: -1 };
    const former = lock.holders.get(owner);
    if (former === undefined) {
      owner.grants++;
      this.grants++;
    } else {
      this.#deadlines.remove(former);
    }
    lock.holders.set(owner, grant);
    this.#deadlines.add(grant);
    return grant;
  }

  removeGrant(grant: Grant): void {
    const { lock, owner } = grant;
    assert(lock.holders.get(owner) === grant, "a grant that ends is in force");
    lock.holders.delete(owner);
    this.#deadlines.remove(grant);
    if (lock.holders.size === 0) lock.contended = false;
    owner.grants--;
    this.grants--;
    this.#tidyOwner(owner);
  }

  /** Puts a waiter into the queue behind `before`; at the head where that is null. */
  addWaiter(fields: WaiterFields, before: Waiter | null): Waiter {
    const { lock, owner } = fields;
    const behind = before === null ? lock.first : before.behind;
    const waiter: Waiter = {
      kind: "waiter",
      ...fields,
      before,
      behind,
      place: -1,
      searchedAll: 0,
      searchedExclusive: 0,
    };
    if (before === null) lock.first = waiter;
    else before.behind = waiter;
    if (behind === null) lock.last = waiter;
    else behind.before = waiter;
    lock.waiting++;
    owner.waiters.add(waiter);
    this.waiting.add(waiter);
    this.#deadlines.add(waiter);
    return waiter;
  }

  removeWaiter(waiter: Waiter): void {
    const { lock, owner, before, behind } = waiter;
    assert(owner.waiters.delete(waiter), "a waiter is known to its owner");
    if (before === null) lock.first = behind;
    else before.behind = behind;
    if (behind === null) lock.last = before;
    else behind.before = before;
    lock.waiting--;
    this.waiting.delete(waiter);
    this.#deadlines.remove(waiter);
    this.#tidyOwner(owner);
  }

  /** Gives a grant or a waiter another deadline. */
  setDeadline(timed: Grant | Waiter, deadlineMs: number): void {
    this.#deadlines.move(timed, deadlineMs);
  }

  clear(): void {
    this.locks.clear();
    this.#owners.clear();
    this.#deadlines.clear();
    this.nextToken = 1;
    this.grants = 0;
    this.waiting.clear();
  }

  /** Throws an AssertionError if links, counts or deadlines contradict each other. */
  checkInvariants(): void {
    let grants = 0;
    let waiters = 0;
    for (const [resource, lock] of this.locks.entries()) {
      assert(lock.resource === resource, "a lock is found under its name");
      assert(lock.holders.size > 0 || lock.waiting > 0, `${resource} is free and not dropped`);
      grants += lock.holders.size;
      waiters += this.#checkQueue(lock);
      for (const [owner, grant] of lock.holders) {
        assert(grant.owner === owner && grant.lock === lock, "a grant knows its lock and owner");
        assert(this.#owners.get(owner.name) === owner, `holder ${owner.name} is known`);
        assert(grant.token < this.nextToken, "tokens come from the counter");
      }
    }
    assert(
      grants === this.grants && waiters === this.waiting.size,
      "grants and waiters are counted",
    );
    assert(this.#deadlines.size === grants + waiters, "everything that ends has its deadline");
    this.#checkOwners();
    this.#deadlines.checkInvariants();
  }

  #checkQueue(lock: Lock): number {
    let count = 0;
    let last: Waiter | null = null;
    for (let at = lock.first; at !== null; at = at.behind) {
      assert(at.before === last && at.lock === lock, "a queue is linked both ways");
      assert(at.owner.waiters.has(at), "a waiter is known to its owner");
      assert(this.#owners.get(at.owner.name) === at.owner, `waiter ${at.owner.name} is known`);
      last = at;
      count++;
    }
    assert(lock.last === last && lock.waiting === count, "a queue knows its end and its length");
    return count;
  }

  #checkOwners(): void {
    let grants = 0;
    let waiters = 0;
    for (const owner of this.#owners.values()) {
      assert(owner.grants > 0 || owner.waiters.size > 0, `${owner.name} is of use`);
      grants += owner.grants;
      let last = 0;
      for (const { sequence } of owner.waiters) {
        assert(sequence > last, "an owner's waiters are in order of sequence");
        last = sequence;
        waiters++;
      }
    }
    assert(grants === this.grants && waiters === this.waiting.size, "owners know what is theirs");
  }
}

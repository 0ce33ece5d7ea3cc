/**
 * The wait-for graph, searched in place: nothing of it is built. Edges run from a waiter to the owners of
 * incompatible grants of its lock, and of incompatible waiters before it in the queue; an owner waits for all
 * that any of its waiters waits for (Coffman et al., "System deadlocks", 1971; edges by queue as well as by
 * holder as in Gray and Reuter, "Transaction Processing", section 7.11).
 *
 * n waiters of one lock have n² / 2 edges. The search walks a queue backwards and stops where an earlier walk
 * has been, so each waiter is met at most twice, and a search costs no more than what it can reach.
 */
import { BLOCKERS_SHOWN_MAX } from "./answers.ts";
import type { Lock, Owner, Waiter } from "./lock_state.ts";
import type { WaitForEdge } from "./locks.ts";

export class WaitForGraph {
  /** Numbers the searches, so that marks of former ones need not be taken away. */
  #search = 0;
  #start: Owner | null = null;
  /** Owners that were reached and wait for something themselves. */
  #pending: Owner[] = [];

  /**
   * Depth-first search for a way from this owner back to itself.
   * @returns the waiters along the cycle, of which each waits for the next one's owner and the last for
   * `start`; null where there is no cycle through `start`
   */
  findCycle(start: Owner): readonly Waiter[] | null {
    if (!isWaitedFor(start)) return null;
    this.#search++;
    this.#start = start;
    this.#pending = [start];
    for (let owner = this.#pending.pop(); owner !== undefined; owner = this.#pending.pop()) {
      for (const waiter of owner.waiters) {
        if (this.#reachesStart(waiter)) return this.#wayTo(waiter);
      }
    }
    return null;
  }

  /** Visits all that this waiter waits for. @returns whether that includes the start */
  #reachesStart(waiter: Waiter): boolean {
    if (this.#visitHolders(waiter)) return true;
    return waiter.mode === "exclusive" ? this.#visitAll(waiter) : this.#visitExclusive(waiter);
  }

  #visitHolders(waiter: Waiter): boolean {
    const { lock } = waiter;
    if (lock.searched === this.#search) return false;
    for (const grant of lock.holders.values()) {
      // Holders are all shared, or there is only one.
      if (waiter.mode === "shared" && grant.mode === "shared") return false;
      if (this.#visit(grant.owner, waiter)) return true;
    }
    if (this.#marks(waiter)) lock.searched = this.#search;
    return false;
  }

  #visitAll(waiter: Waiter): boolean {
    const search = this.#search;
    const marks = this.#marks(waiter);
    for (let at = waiter.before; at !== null; at = at.before) {
      if (at.searchedAll === search) return false;
      if (marks) at.searchedAll = search;
      if (this.#visit(at.owner, waiter)) return true;
    }
    return false;
  }

  #visitExclusive(waiter: Waiter): boolean {
    const search = this.#search;
    const marks = this.#marks(waiter);
    for (let at = waiter.before; at !== null; at = at.before) {
      if (at.searchedAll === search || at.searchedExclusive === search) return false;
      if (marks) at.searchedExclusive = search;
      if (at.mode === "exclusive" && this.#visit(at.owner, waiter)) return true;
    }
    return false;
  }

  /**
   * A mark says: whoever waits here was visited, or leads back. The start's own waiters skip the start itself,
   * which others must not, so they leave no marks.
   */
  #marks(waiter: Waiter): boolean {
    return waiter.owner !== this.#start;
  }

  /** @returns whether this closes a cycle */
  #visit(owner: Owner, from: Waiter): boolean {
    if (owner === this.#start) return from.owner !== owner;
    if (owner.searched === this.#search) return false;
    owner.searched = this.#search;
    owner.reachedBy = from;
    if (owner.waiters.size > 0) this.#pending.push(owner);
    return false;
  }

  #wayTo(last: Waiter): readonly Waiter[] {
    const way = [last];
    for (let owner = last.owner; owner !== this.#start; owner = way.at(-1)!.owner) {
      way.push(owner.reachedBy!);
    }
    return way.reverse();
  }
}

/** Whether anybody can be waiting for this owner: cheap, and true for few that begin to wait. */
function isWaitedFor(owner: Owner): boolean {
  if (owner.grants > 0) return true;
  for (const waiter of owner.waiters) if (waiter.behind !== null) return true;
  return false;
}

/**
 * @param cycle as `findCycle` gives it
 * @param first with which of them to begin
 * @param edgesMax of a longer cycle only so many edges are given
 * @returns its edges, each with the one owner that leads on
 */
export function cycleEdges(
  cycle: readonly Waiter[],
  first: Waiter,
  edgesMax: number,
): readonly WaitForEdge[] {
  const begin = cycle.indexOf(first);
  const edges: WaitForEdge[] = [];
  for (let step = 0; step < Math.min(cycle.length, edgesMax); step++) {
    const { owner, lock } = cycle[(begin + step) % cycle.length]!;
    const next = cycle[(begin + step + 1) % cycle.length]!;
    edges.push({ owner: owner.name, resource: lock.resource, holders: [next.owner.name] });
  }
  return edges;
}

/**
 * The edges of one lock for people, in the order of its queue; each names the first `BLOCKERS_SHOWN_MAX` that
 * the waiter waits for, holders first.
 */
export function* edgesOf(lock: Lock): Generator<WaitForEdge, void, undefined> {
  const all: Owner[] = [];
  const exclusive: Owner[] = [];
  for (const { owner, mode } of lock.holders.values()) {
    if (all.length > BLOCKERS_SHOWN_MAX) break;
    all.push(owner);
    if (mode === "exclusive") exclusive.push(owner);
  }
  for (let waiter = lock.first; waiter !== null; waiter = waiter.behind) {
    const { owner, mode } = waiter;
    const before = mode === "exclusive" ? all : exclusive;
    const others = before.filter((other) => other !== owner).slice(0, BLOCKERS_SHOWN_MAX);
    yield { owner: owner.name, resource: lock.resource, holders: others.map(({ name }) => name) };
    // One more than is shown, because a waiter does not wait for its own owner.
    if (all.length <= BLOCKERS_SHOWN_MAX) all.push(owner);
    if (mode === "exclusive" && exclusive.length <= BLOCKERS_SHOWN_MAX) exclusive.push(owner);
  }
}

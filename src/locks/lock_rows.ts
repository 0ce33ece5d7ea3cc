/**
 * A lock as a row of a snapshot, and back. A row has the lock's holders in their order and its queue from the
 * head on. Links between locks (owners, deadlines) are not stored: loading makes them anew.
 */
import { assert } from "../assert.ts";
import type { Attachment } from "../groups/machine.ts";
import type { Grant, Lock, LockState, Waiter } from "./lock_state.ts";
import type { LockMode } from "./locks.ts";

/** `[resource, contended, holders, queue]` */
export type LockRow = readonly [string, boolean, readonly GrantRow[], readonly WaiterRow[]];

type AttachmentRow = readonly [string, string, number];
/** `[owner, exclusive, token, sequence, acquiredMs, deadlineMs, ttlMs, attachments]` */
type GrantRow = readonly [
  string,
  boolean,
  number,
  number,
  number,
  number,
  number,
  readonly AttachmentRow[],
];
/** `[owner, exclusive, sequence, sinceMs, deadlineMs, ttlMs, attachments]` */
type WaiterRow = readonly [
  string,
  boolean,
  number,
  number,
  number,
  number,
  readonly AttachmentRow[],
];

/** @returns values that later changes of the lock leave alone */
export function lockRow(resource: string, lock: Lock): LockRow {
  const holders: GrantRow[] = [];
  for (const grant of lock.holders.values()) holders.push(grantRow(grant));
  const queue: WaiterRow[] = [];
  for (let at = lock.first; at !== null; at = at.behind) queue.push(waiterRow(at));
  return [resource, lock.contended, holders, queue];
}

function grantRow(grant: Grant): GrantRow {
  const { owner, mode, token, sequence, acquiredMs, deadlineMs, ttlMs, attachments } = grant;
  const attached = attachments.map(attachmentRow);
  return [
    owner.name,
    mode === "exclusive",
    token,
    sequence,
    acquiredMs,
    deadlineMs,
    ttlMs,
    attached,
  ];
}

function waiterRow(waiter: Waiter): WaiterRow {
  const { owner, mode, sequence, sinceMs, deadlineMs, ttlMs, attachments } = waiter;
  const attached = attachments.map(attachmentRow);
  return [owner.name, mode === "exclusive", sequence, sinceMs, deadlineMs, ttlMs, attached];
}

function attachmentRow({ peer, bootId, serial }: Attachment): AttachmentRow {
  return [peer, bootId, serial];
}

/**
 * Fills an empty state.
 * @param rows of one snapshot, in any order
 */
export function loadLocks(state: LockState, rows: Iterable<unknown>): void {
  assert(state.locks.size === 0, "rows are loaded into an empty state");
  for (const row of rows) {
    const [resource, contended, holders, queue] = row as LockRow;
    const lock = state.change(resource);
    lock.contended = contended;
    for (const holder of holders) loadGrant(state, lock, holder);
    for (const waiter of queue) loadWaiter(state, lock, waiter);
  }
  orderWaiters(state);
}

function loadGrant(state: LockState, lock: Lock, row: GrantRow): void {
  const [name, exclusive, token, sequence, acquiredMs, deadlineMs, ttlMs, attached] = row;
  const owner = state.ownerFor(name);
  const attachments = attached.map(attachmentOf);
  const mode = modeOf(exclusive);
  state.addGrant({
    lock,
    owner,
    mode,
    token,
    acquiredMs,
    deadlineMs,
    sequence,
    ttlMs,
    attachments,
  });
}

function loadWaiter(state: LockState, lock: Lock, row: WaiterRow): void {
  const [name, exclusive, sequence, sinceMs, deadlineMs, ttlMs, attached] = row;
  const owner = state.ownerFor(name);
  const attachments = attached.map(attachmentOf);
  const mode = modeOf(exclusive);
  const fields = { lock, owner, mode, sinceMs, deadlineMs, sequence, ttlMs, attachments };
  state.addWaiter(fields, lock.last);
}

/** Locks were loaded in any order; waiters have one of their own, altogether and for each owner. */
function orderWaiters(state: LockState): void {
  const waiters = [...state.waiting].sort((a, b) => a.sequence - b.sequence);
  for (const waiter of waiters) {
    for (const set of [state.waiting, waiter.owner.waiters]) {
      set.delete(waiter);
      set.add(waiter);
    }
  }
}

function attachmentOf([peer, bootId, serial]: AttachmentRow): Attachment {
  return { peer, bootId, serial };
}

function modeOf(exclusive: boolean): LockMode {
  return exclusive ? "exclusive" : "shared";
}

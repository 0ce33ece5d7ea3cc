/**
 * Locks as the design words them, in the dumbest way: lists, searched from the front, and a wait-for graph
 * that is built whole. The machine is compared with it after every command. Of two cycles either may be broken
 * first, so the model takes the machine's choice of cycles, and checks that each was one.
 */
import assert from "node:assert/strict";
import type { Attachment } from "../../src/groups/machine.ts";
import type { DeadlockEffect } from "../../src/locks/answers.ts";
import type { AcquireCommand, LockCommand } from "../../src/locks/commands.ts";
import type { LockMode } from "../../src/locks/locks.ts";

interface ModelHolder {
  owner: string;
  mode: LockMode;
  token: number;
  sequence: number;
  deadlineMs: number;
  ttlMs: number;
  attachment: Attachment | null;
}

interface ModelWaiter {
  owner: string;
  mode: LockMode;
  sequence: number;
  deadlineMs: number;
  ttlMs: number;
  attachment: Attachment;
}

interface ModelLock {
  resource: string;
  holders: ModelHolder[];
  queue: ModelWaiter[];
}

export class LockModel {
  readonly locks = new Map<string, ModelLock>();
  #nextToken = 1;

  /** @param deadlocks what the machine says it broke while it applied the same command */
  apply(
    command: LockCommand,
    index: number,
    timeMs: number,
    deadlocks: readonly DeadlockEffect[],
  ): void {
    this.expire(timeMs);
    switch (command.kind) {
      case "acquire":
        this.#acquire(command, index, timeMs, deadlocks);
        break;
      case "release":
        this.#drop(command.resource, (holder) =>
          holder.owner === command.owner &&
          (command.token === null || command.token === holder.token), timeMs);
        break;
      case "renew": {
        const holder = this.#lock(command.resource).holders.find(({ owner }) =>
          owner === command.owner
        );
        if (holder === undefined || (command.token ?? holder.token) !== holder.token) break;
        holder.deadlineMs = timeMs + (command.ttlMs ?? holder.ttlMs);
        holder.attachment = null;
        break;
      }
      case "cancel": {
        const lock = this.#lock(command.resource);
        const mine = (one: { owner: string; attachment: Attachment | null }) =>
          one.owner === command.owner && same(one.attachment, command.attachment);
        const first = lock.queue.filter(mine).sort((a, b) => a.sequence - b.sequence)[0];
        if (first === undefined) this.#drop(command.resource, mine, timeMs);
        else lock.queue = lock.queue.filter((waiter) => waiter !== first);
        this.#serve(lock, timeMs);
        break;
      }
      case "detach":
        for (const lock of this.locks.values()) {
          lock.queue = lock.queue.filter(({ attachment }) =>
            attachment.peer !== command.peer || attachment.bootId !== command.bootId
          );
          this.#serve(lock, timeMs);
        }
        break;
    }
    this.#tidy();
    assert.deepEqual(this.cycles(), [], "owners are left waiting for each other");
  }

  #lock(resource: string): ModelLock {
    const lock = this.locks.get(resource) ?? { resource, holders: [], queue: [] };
    this.locks.set(resource, lock);
    return lock;
  }

  #tidy(): void {
    for (const [resource, { holders, queue }] of this.locks) {
      if (holders.length + queue.length === 0) this.locks.delete(resource);
    }
  }

  #acquire(
    command: AcquireCommand,
    index: number,
    timeMs: number,
    deadlocks: readonly DeadlockEffect[],
  ): void {
    const lock = this.#lock(command.resource);
    const { owner, mode, ttlMs, attachment } = command;
    const own = lock.holders.find((holder) => holder.owner === owner);
    if (own !== undefined && (own.mode === "exclusive" || mode === "shared")) {
      Object.assign(own, { deadlineMs: timeMs + ttlMs, ttlMs, attachment: null });
      return;
    }
    const wish = { owner, mode, sequence: index, ttlMs, attachment };
    const alone = lock.holders.every((holder) => holder.owner === owner);
    const together = mode === "shared" && lock.holders.every((holder) => holder.mode === "shared");
    if (own === undefined ? lock.queue.length === 0 && (alone || together) : alone) {
      this.#grant(lock, wish, timeMs);
      return;
    }
    if (command.waitMs === 0) return;
    const waiter = { ...wish, deadlineMs: timeMs + command.waitMs };
    const beside = lock.queue.findLastIndex((other) => other.owner === owner);
    if (beside >= 0) lock.queue.splice(beside + 1, 0, waiter);
    else if (own !== undefined) lock.queue.unshift(waiter);
    else lock.queue.push(waiter);
    for (const deadlock of deadlocks) this.#break(deadlock, timeMs);
  }

  #break({ victim, cycle }: DeadlockEffect, timeMs: number): void {
    const waiters = cycle.map(({ owner, resource, holders }) => {
      const next = holders[0]!;
      const waiting = this.#lock(resource).queue.filter((waiter) =>
        waiter.owner === owner && this.#blockers(resource, waiter).has(next)
      );
      assert.ok(waiting.length > 0, `${owner} does not wait for ${next}`);
      return waiting;
    });
    const names = cycle.map(({ owner }) => owner);
    assert.deepEqual(cycle.map(({ holders }) => holders[0]), [...names.slice(1), names[0]]);
    assert.equal(new Set(names).size, names.length, "a cycle goes around once");
    assert.deepEqual(victim, { owner: cycle[0]!.owner, resource: cycle[0]!.resource });
    const youngest = Math.max(...waiters[0]!.map(({ sequence }) => sequence));
    for (const others of waiters.slice(1)) {
      assert.ok(others.some(({ sequence }) => sequence < youngest), "the youngest is refused");
    }
    const lock = this.#lock(victim.resource);
    lock.queue = lock.queue.filter(({ sequence }) => sequence !== youngest);
    this.#serve(lock, timeMs);
  }

  #grant(lock: ModelLock, wish: Omit<ModelWaiter, "deadlineMs">, timeMs: number): void {
    const { owner, mode, sequence, ttlMs, attachment } = wish;
    const token = this.#nextToken++;
    const deadlineMs = timeMs + ttlMs;
    const holder = { owner, mode, token, sequence, deadlineMs, ttlMs, attachment };
    const place = lock.holders.findIndex((other) => other.owner === owner);
    if (place >= 0) lock.holders[place] = holder;
    else lock.holders.push(holder);
  }

  #serve(lock: ModelLock, timeMs: number): void {
    for (;;) {
      const head = lock.queue[0];
      if (head === undefined) return;
      const others = lock.holders.filter(({ owner }) => owner !== head.owner);
      const own = lock.holders.find(({ owner }) => owner === head.owner);
      if (own !== undefined && (own.mode === "exclusive" || head.mode === "shared")) {
        const { ttlMs } = head;
        Object.assign(own, { deadlineMs: timeMs + ttlMs, ttlMs, attachment: null });
      } else if (
        others.length === 0 ||
        (head.mode === "shared" && others.every(({ mode }) => mode === "shared"))
      ) {
        this.#grant(lock, head, timeMs);
      } else return;
      lock.queue.shift();
    }
  }

  #drop(resource: string, which: (holder: ModelHolder) => boolean, timeMs: number): void {
    const lock = this.#lock(resource);
    lock.holders = lock.holders.filter((holder) => !which(holder));
    this.#serve(lock, timeMs);
  }

  expire(timeMs: number): void {
    for (;;) {
      const due = [...this.locks.values()].flatMap((lock) => [
        ...lock.holders.map((holder) => ({ lock, holder, at: holder })),
        ...lock.queue.map((waiter) => ({ lock, holder: null, at: waiter })),
      ]).filter(({ at }) => at.deadlineMs <= timeMs);
      due.sort((a, b) => a.at.deadlineMs - b.at.deadlineMs || a.at.sequence - b.at.sequence);
      const first = due[0];
      if (first === undefined) break;
      const { lock, holder, at } = first;
      if (holder === null) lock.queue = lock.queue.filter((waiter) => waiter !== at);
      else lock.holders = lock.holders.filter((other) => other !== holder);
      this.#serve(lock, timeMs);
    }
    this.#tidy();
  }

  #blockers(resource: string, waiter: ModelWaiter): Set<string> {
    const { holders, queue } = this.#lock(resource);
    const before = queue.slice(0, queue.indexOf(waiter));
    const others = [...holders, ...before].filter(({ owner, mode }) =>
      owner !== waiter.owner && (mode === "exclusive" || waiter.mode === "exclusive")
    );
    return new Set(others.map(({ owner }) => owner));
  }

  /** Owners that reach themselves, by the transitive closure of all edges. */
  cycles(): string[] {
    const edges = new Map<string, Set<string>>();
    for (const { resource, queue } of this.locks.values()) {
      for (const waiter of queue) {
        const reached = edges.get(waiter.owner) ?? new Set();
        for (const owner of this.#blockers(resource, waiter)) reached.add(owner);
        edges.set(waiter.owner, reached);
      }
    }
    for (let grown = true; grown;) {
      grown = false;
      for (const reached of edges.values()) {
        const before = reached.size;
        for (const owner of [...reached]) {
          for (const next of edges.get(owner) ?? []) reached.add(next);
        }
        grown ||= reached.size > before;
      }
    }
    return [...edges].filter(([owner, reached]) => reached.has(owner)).map(([owner]) => owner);
  }
}

function same(a: Attachment | null, b: Attachment): boolean {
  return a !== null && a.peer === b.peer && a.bootId === b.bootId && a.serial === b.serial;
}

/** The locks machine against a dumb model of the design's rules, over random histories. */
import assert from "node:assert/strict";
import type { DeadlockEffect, LockAnswer, LockEffect } from "../../src/locks/answers.ts";
import { LockMachine } from "../../src/locks/machine.ts";
import { Random } from "../../src/random.ts";
import { randomLockCommand } from "./lock_commands.ts";
import { LockModel } from "./lock_model.ts";

const SEEDS = 60;
const COMMANDS = 500;

/** What both say of every lock. */
function stateOf(machine: LockMachine): unknown {
  const locks = Array.from(machine.locks(), (lock) => {
    const holders = Array.from(
      lock.holders.values(),
      ({ owner, mode, token, deadlineMs }) => [owner.name, mode, token, deadlineMs],
    );
    const queue: unknown[] = [];
    for (let at = lock.first; at !== null; at = at.behind) {
      queue.push([at.owner.name, at.mode, at.sequence]);
    }
    return [lock.resource, holders, queue] as const;
  });
  return locks.sort(([a], [b]) => a < b ? -1 : 1);
}

function modelStateOf(model: LockModel): unknown {
  const locks = Array.from(model.locks.values(), ({ resource, holders, queue }) =>
    [
      resource,
      holders.map(({ owner, mode, token, deadlineMs }) => [owner, mode, token, deadlineMs]),
      queue.map(({ owner, mode, sequence }) => [owner, mode, sequence]),
    ] as const);
  return locks.sort(([a], [b]) => a < b ? -1 : 1);
}

/** Follows waits and tokens from outside: each wait ends once, and each new grant has a higher token. */
class Observer {
  readonly waiting = new Set<number>();
  #highest = 0;
  readonly #granted = new Set<number>();

  saw(answer: LockAnswer | null, effects: readonly LockEffect[]): void {
    if (answer !== null && "kind" in answer && answer.kind === "waiting") {
      this.waiting.add(answer.ticket);
    }
    for (const effect of effects) {
      if (effect.kind !== "settled") continue;
      const { ticket, answer: end } = effect.settles;
      assert.ok(this.waiting.delete(ticket), `the wait ${ticket} ends once, after it began`);
      if (end.kind === "granted") this.#token(end.token);
    }
    if (answer !== null && "kind" in answer && answer.kind === "granted") this.#token(answer.token);
  }

  #token(token: number): void {
    if (this.#granted.has(token)) return;
    assert.ok(token > this.#highest, `token ${token} follows ${this.#highest}`);
    this.#highest = token;
    this.#granted.add(token);
  }
}

Deno.test("random commands leave exactly the state that the rules say", () => {
  let deadlocks = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = new Random(seed);
    const machine = new LockMachine();
    const model = new LockModel();
    const observer = new Observer();
    let timeMs = 0;
    for (let index = 2; index < 2 + COMMANDS; index++) {
      timeMs += random.chance(0.05) ? random.integer(0, 5_000) : random.integer(0, 80);
      const context = { group: 0, index, term: 1, timeMs };
      const command = randomLockCommand(random);
      observer.saw(null, machine.expire(context));
      const { answer, effects } = machine.apply(command, context);
      const broken = effects.filter((effect): effect is DeadlockEffect =>
        effect.kind === "deadlock"
      );
      deadlocks += broken.length;
      const where = `seed ${seed}, entry ${index}: ${JSON.stringify(command)}`;
      model.apply(command, index, timeMs, broken);
      assert.deepEqual(stateOf(machine), modelStateOf(model), where);
      observer.saw(answer, effects);
      machine.checkInvariants();
    }
    const left = machine.waitedFor().reduce((count, { waiting }) => count + waiting, 0);
    assert.equal(observer.waiting.size, left, `seed ${seed}: no waiter is lost`);
  }
  assert.ok(deadlocks > 100, `the histories have deadlocks, here ${deadlocks}`);
});

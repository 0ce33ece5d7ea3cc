/** A lock machine with short calls, for tests that tell a story: one entry each, time moved by hand. */
import type { Attachment } from "../../src/groups/machine.ts";
import type { RequestKey } from "../../src/groups/groups.ts";
import { encodeEnvelope } from "../../src/groups/envelope.ts";
import { type Applied, GroupMachine } from "../../src/groups/group_machine.ts";
import type { LockAnswer, LockEffect } from "../../src/locks/answers.ts";
import { encodeLockCommand, type LockCommand } from "../../src/locks/commands.ts";
import type { LockMode } from "../../src/locks/locks.ts";
import { type LockLimits, LockMachine, LOCKS_MACHINE } from "../../src/locks/machine.ts";

export interface AcquireOptions {
  readonly mode?: LockMode;
  readonly waitMs?: number;
  readonly ttlMs?: number;
  readonly attachment?: Attachment;
  readonly id?: string;
}

export interface Result {
  readonly answer: LockAnswer;
  readonly effects: readonly LockEffect[];
}

export class LockTable {
  readonly machine: LockMachine;
  readonly group: GroupMachine;
  #index = 1;
  #serial = 0;
  timeMs = 0;

  constructor(limits?: LockLimits) {
    this.machine = new LockMachine(limits);
    this.group = new GroupMachine(0, [this.machine]);
  }

  acquire(resource: string, owner: string, options: AcquireOptions = {}): Result {
    const { mode = "exclusive", waitMs = 0, ttlMs = 10_000, id } = options;
    const attachment = options.attachment ?? at("peer", "boot", ++this.#serial);
    const request = id === undefined ? null : { kind: "caller", principal: "", id } as const;
    return this.apply(
      { kind: "acquire", resource, owner, mode, waitMs, ttlMs, attachment },
      request,
    );
  }

  /** An acquire that waits; gives its ticket. */
  wait(resource: string, owner: string, options: AcquireOptions = {}): number {
    const { answer } = this.acquire(resource, owner, { waitMs: 60_000, ...options });
    if (!("kind" in answer) || answer.kind !== "waiting") {
      throw new Error(`${owner} does not wait for ${resource}: ${JSON.stringify(answer)}`);
    }
    return answer.ticket;
  }

  /** An acquire that must succeed at once; gives its token. */
  take(resource: string, owner: string, options: AcquireOptions = {}): number {
    const { answer } = this.acquire(resource, owner, options);
    if (!("kind" in answer) || answer.kind !== "granted") {
      throw new Error(`${owner} does not get ${resource}: ${JSON.stringify(answer)}`);
    }
    return answer.token;
  }

  release(resource: string, owner: string, token: number | null = null): Result {
    return this.apply({ kind: "release", resource, owner, token });
  }

  renew(resource: string, owner: string, token: number | null, ttlMs: number | null): Result {
    return this.apply({ kind: "renew", resource, owner, token, ttlMs });
  }

  cancel(resource: string, owner: string, attachment: Attachment): Result {
    return this.apply({ kind: "cancel", resource, owner, attachment });
  }

  apply(command: LockCommand, request: RequestKey | null = null): Result {
    const payload = encodeEnvelope(LOCKS_MACHINE, request, encodeLockCommand(command));
    return this.#apply(payload) as unknown as Result;
  }

  /** Moves time and lets a tick pass. @returns what expired */
  passTo(timeMs: number): readonly LockEffect[] {
    this.timeMs = timeMs;
    return this.#apply(this.group.tickPayload).effects as readonly LockEffect[];
  }

  #apply(payload: Uint8Array): Applied {
    const index = ++this.#index;
    const entry = { index, term: 1, kind: "command", timeMs: this.timeMs, payload } as const;
    const applied = this.group.apply(entry);
    this.group.checkInvariants();
    return applied;
  }

  holders(resource: string): string[] {
    const lock = this.machine.lock(resource);
    return Array.from(lock?.holders.values() ?? [], ({ owner }) => owner.name);
  }

  waiters(resource: string): string[] {
    const names: string[] = [];
    for (let at = this.machine.lock(resource)?.first ?? null; at !== null; at = at.behind) {
      names.push(at.owner.name);
    }
    return names;
  }
}

export function at(peer: string, bootId: string, serial: number): Attachment {
  return { peer, bootId, serial };
}

/** How waits ended in these effects: ticket and kind of answer. */
export function endings(effects: readonly LockEffect[]): [number, string][] {
  return effects.flatMap((effect) =>
    effect.kind === "settled"
      ? [[effect.settles.ticket, effect.settles.answer.kind] as [number, string]]
      : []
  );
}

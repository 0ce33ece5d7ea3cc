/**
 * One user of the lock service in the simulation. It asks peers at random for a few contended locks, and
 * behaves as users do: waits, gives up, retries through another peer with the same request id, renews,
 * forgets to release, disappears. Everything it saw goes into the history.
 */
import type { AcquireResult, LockMode } from "../../src/locks/locks.ts";
import type { AcquireInput, LockInput } from "./lock_history.ts";
import { SafetyViolation } from "./raft_checker.ts";
import { type ClientEdges, SimulatedClient } from "./simulated_client.ts";

export interface LockClientEdges extends ClientEdges<LockInput> {
  readonly resources: readonly string[];
}

interface Held {
  readonly resource: string;
  readonly mode: LockMode;
  readonly token: number;
  readonly ttlMs: number;
}

export class LockClient extends SimulatedClient<LockInput, LockClientEdges> {
  #generation = 0;
  #held: Held[] = [];

  /** Who it is for the service. A new one whenever it cannot know what it holds. */
  get #owner(): string {
    return `${this.name}.${this.#generation}`;
  }

  protected override operate(): Promise<void> {
    const { random, resources } = this.edges;
    const held = this.#held.length > 0 ? random.pick(this.#held) : null;
    const resource = random.pick(resources);
    const dice = random.fraction();
    if (held === null) {
      if (dice < 0.75) return this.#acquire(resource);
      if (dice < 0.9) return this.#status(resource);
      return this.#release(resource, random.chance(0.5) ? null : random.integer(1, 50));
    }
    if (dice < 0.45) return this.#release(held.resource, random.chance(0.8) ? held.token : null);
    if (dice < 0.6) return this.#renew(held);
    if (dice < 0.8) return this.#acquire(resource);
    if (dice < 0.9) return this.#status(resource);
    this.#held = this.#held.filter((other) => other !== held);
    return Promise.resolve();
  }

  async #acquire(resource: string): Promise<void> {
    const { random } = this.edges;
    const owner = this.#owner;
    const mode: LockMode = random.chance(0.35) ? "shared" : "exclusive";
    const waitMs = random.chance(0.5) ? 0 : random.integer(100, 6_000);
    const ttlMs = random.chance(0.4) ? random.integer(300, 3_000) : random.integer(5_000, 20_000);
    const request = this.caller.requestKey();
    const vanishing = waitMs > 0 && random.chance(0.15) ? new AbortController() : null;
    const callMs = this.nowMs;
    const call = this.caller.call(
      (peer, signal) =>
        peer.locks().acquire({ resource, owner, mode, waitMs, ttlMs, request, signal }),
      { mayRetry: request !== null, waitMs, signal: vanishing?.signal ?? null },
    );
    const addressed = { kind: "acquire", resource, owner, mode, waitMs, ttlMs } as const;
    if (vanishing !== null) {
      const vanished = await this.caller.vanish(call, vanishing, random.fraction() * waitMs);
      if (vanished) return this.#unknownAcquire(callMs, addressed);
    }
    const called = await call;
    if (called.kind === "refused") return;
    if (called.kind === "unknown") return this.#unknownAcquire(callMs, addressed);
    const result = this.#resultOf(called.value);
    this.push(callMs, { ...addressed, result });
    if (result.kind !== "granted") return;
    this.#held = this.#held.filter((held) => held.resource !== resource);
    this.#held.push({ resource, mode, token: result.token, ttlMs });
  }

  #resultOf(answer: AcquireResult): AcquireInput["result"] {
    if (answer.ok) return { kind: "granted", token: answer.fencingToken };
    switch (answer.code) {
      case "LOCK_HELD":
        return { kind: "held" };
      case "LEASE_EXPIRED":
        return { kind: "leaseExpired" };
      case "DEADLOCK": {
        const { cycle } = answer;
        cycle.forEach((edge, place) => {
          const next = cycle[(place + 1) % cycle.length]!;
          if (cycle.length >= 2 && edge.holders.includes(next.owner)) return;
          throw new SafetyViolation(`not a cycle of waiters: ${JSON.stringify(cycle)}`);
        });
        return { kind: "deadlock" };
      }
    }
  }

  /** It may hold the lock, or be cancelled, now or later; nobody will learn it. */
  #unknownAcquire(callMs: number, addressed: Omit<AcquireInput, "result">): void {
    this.push(callMs, { ...addressed, result: { kind: "unknown" } }, Infinity);
    const { resource, owner } = addressed;
    const cancelled = { kind: "release", resource, owner, token: null } as const;
    this.push(callMs, { ...cancelled, result: { kind: "unknown" } }, Infinity);
    this.#becomeAnother();
  }

  async #release(resource: string, token: number | null): Promise<void> {
    const owner = this.#owner;
    const request = this.caller.requestKey();
    const callMs = this.nowMs;
    const called = await this.caller.call(
      (peer) => peer.locks().release({ resource, owner, fencingToken: token, request }),
      { mayRetry: request !== null, waitMs: 0, signal: null },
    );
    if (called.kind === "refused") return;
    this.#held = this.#held.filter((held) => held.resource !== resource);
    const addressed = { kind: "release", resource, owner, token } as const;
    if (called.kind === "unknown") {
      this.push(callMs, { ...addressed, result: { kind: "unknown" } }, Infinity);
      this.#becomeAnother();
    } else {
      this.push(callMs, {
        ...addressed,
        result: { kind: called.value.ok ? "done" : "notHeld" },
      });
    }
  }

  async #renew(held: Held): Promise<void> {
    const { random } = this.edges;
    const { resource } = held;
    const owner = this.#owner;
    const token = random.chance(0.8) ? held.token : null;
    const ttlMs = random.chance(0.5) ? null : random.integer(500, 10_000);
    const request = this.caller.requestKey();
    const callMs = this.nowMs;
    const called = await this.caller.call(
      (peer) => peer.locks().renew({ resource, owner, fencingToken: token, ttlMs, request }),
      { mayRetry: request !== null, waitMs: 0, signal: null },
    );
    if (called.kind === "refused") return;
    const addressed = {
      kind: "renew",
      resource,
      owner,
      token,
      ttlMs: ttlMs ?? held.ttlMs,
    } as const;
    if (called.kind === "unknown") {
      this.push(callMs, { ...addressed, result: { kind: "unknown" } }, Infinity);
      return this.#becomeAnother();
    }
    if (called.value.ok) {
      const result = { kind: "renewed", token: called.value.fencingToken } as const;
      return this.push(callMs, { ...addressed, result });
    }
    this.#held = this.#held.filter((other) => other !== held);
    this.push(callMs, { ...addressed, result: { kind: "notHeld" } });
  }

  async #status(resource: string): Promise<void> {
    const callMs = this.nowMs;
    const called = await this.caller.call(
      (peer) => peer.locks().status(resource, { stale: false }),
      {
        mayRetry: true,
        waitMs: 0,
        signal: null,
      },
    );
    if (called.kind !== "answer") return;
    const holders = (called.value?.holders ?? []).map(({ owner, mode, fencingToken }) => ({
      owner,
      mode,
      token: fencingToken,
    }));
    this.push(callMs, { kind: "status", resource, holders });
  }

  #becomeAnother(): void {
    this.#generation++;
    this.#held = [];
  }
}

/** Callers of a small cluster who wait, and how a test sees what becomes of them. */
import assert from "node:assert/strict";
import type { RequestKey } from "../../src/groups/groups.ts";
import type { AcquireRequest, AcquireResult } from "../../src/locks/locks.ts";
import { asked } from "./asked.ts";
import { resumed, SmallCluster, type SmallPeer } from "./small_cluster.ts";

export function release(peer: SmallPeer, resource: string, owner: string) {
  return peer.service.release({ resource, owner, fencingToken: null, request: null });
}

export function id(name: string): RequestKey {
  return { kind: "caller", principal: "ann", id: name };
}

export function tokenOf(result: AcquireResult): number {
  assert.ok(result.ok, JSON.stringify(result));
  return result.fencingToken;
}

/** A promise that a test looks at without waiting for it. */
export class Watched<T> {
  result: T | undefined;
  error: unknown;

  constructor(promise: Promise<T>) {
    promise.then((result) => void (this.result = result), (error) => void (this.error = error));
  }

  get pending(): boolean {
    return this.result === undefined && this.error === undefined;
  }
}

/** Two peers, the first of which gave the lock to ann; bob waits at the second. */
export async function bobWaits(more: Partial<AcquireRequest> = {}) {
  const cluster = new SmallCluster("one", "two");
  const [one, two] = cluster.peers as [SmallPeer, SmallPeer];
  await one.service.acquire(asked("lock", "ann", { ttlMs: 60_000 }));
  const bob = new Watched(two.service.acquire(asked("lock", "bob", { waitMs: 30_000, ...more })));
  await resumed();
  return { cluster, one, two, bob };
}

/**
 * What the simulator knows of the cache beside what clients saw: which versions of each key were committed, and since
 * when, which runs of peers ended, and which writes peers said they lost. From it follows what a key may go back to.
 */
import {
  compareVersions,
  parseVersion,
  type Version,
  versionText,
} from "../../src/cache/version.ts";
import { SafetyViolation } from "./raft_checker.ts";
import type { VirtualPeer } from "./virtual_peer.ts";

export interface Committed {
  readonly version: Version;
  /** When it was first seen so. */
  readonly atMs: number;
}

export interface Lost {
  readonly life: string;
  readonly key: string;
  /** With everything before it under the same grant that was not committed. */
  readonly version: Version;
}

/** So soon after it goes on a peer has looked at its leases. */
const NOTICED_MS = 500;
/** What a run of a peer logs of a write that is gone. */
const LOST = /^lost what was written to ([^:]+): /;

export class CacheLedger {
  readonly #keys: readonly string[];
  readonly #committed = new Map<string, Committed[]>();
  readonly #latest = new Map<VirtualPeer, Map<string, Version>>();
  readonly #names = new Set<string>();
  readonly #stoppingMs = new Map<string, number>();
  readonly #endsMs = new Map<string, number>();
  readonly #lost: Lost[] = [];
  readonly #slept = new Set<string>();
  /** When a run was last held up. */
  readonly #held = new Map<string, { readonly fromMs: number; readonly untilMs: number }>();
  readonly #running = new Map<VirtualPeer, string>();

  constructor(keys: readonly string[]) {
    this.#keys = keys;
  }

  /** After every step. @throws {SafetyViolation} where a peer counts other losses than it logged */
  look(peers: readonly VirtualPeer[], nowMs: number): void {
    for (const peer of peers) {
      const { life } = peer;
      const before = this.#running.get(peer);
      if (before !== undefined && before !== life) this.ended(before, nowMs);
      if (life === null) {
        this.#running.delete(peer);
        continue;
      }
      this.#running.set(peer, life);
      if (peer.isAsleep) this.#slept.add(life);
      if (peer.isHeldUp) this.#heldUp(life, nowMs);
      for (const key of this.#keys) this.#lookAt(peer, key, nowMs);
      const logged = this.#lost.filter((one) => one.life === life).length;
      const counted = peer.lostWrites();
      if (logged !== counted) {
        throw new SafetyViolation(`${life} logged ${logged} lost writes and counted ${counted}`);
      }
    }
  }

  #heldUp(life: string, nowMs: number): void {
    const before = this.#held.get(life);
    const isSame = before !== undefined && nowMs - before.untilMs < NOTICED_MS;
    this.#held.set(life, { fromMs: isSame ? before.fromMs : nowMs, untilMs: nowMs });
  }

  #lookAt(peer: VirtualPeer, key: string, nowMs: number): void {
    const version = peer.writtenBack(key);
    if (version === null) return;
    let latest = this.#latest.get(peer);
    if (latest === undefined) this.#latest.set(peer, latest = new Map());
    // Versions are never changed: another one is another object.
    if (latest.get(key) === version) return;
    latest.set(key, version);
    this.committed(key, version, nowMs);
  }

  committed(key: string, version: Version, atMs: number): void {
    const name = nameOf(key, version);
    if (this.#names.has(name)) return;
    this.#names.add(name);
    this.#committed.set(key, [...this.#committed.get(key) ?? [], { version, atMs }]);
  }

  /** The run of a peer was asked to stop: it gives its leases up some time from now on. */
  stopping(life: string, atMs: number): void {
    if (!this.#stoppingMs.has(life)) this.#stoppingMs.set(life, atMs);
  }

  /** The run of a peer is over, with its lines. What it lost while it was held up, it could not say. */
  ended(life: string, atMs: number): void {
    const held = this.#held.get(life);
    const isHeld = held !== undefined && atMs - held.untilMs < NOTICED_MS;
    this.stopping(life, isHeld ? held.fromMs : atMs);
    this.#endsMs.set(life, atMs);
  }

  /** The run of a peer logged something. */
  logged(
    life: string,
    message: string,
    fields: Readonly<Record<string, unknown>> | undefined,
  ): void {
    const key = LOST.exec(message)?.[1];
    if (key === undefined) return;
    const version = parseVersion(String(fields?.version));
    if (version === null) throw new SafetyViolation(`${life} does not say which write it lost`);
    this.lost({ life, key, version });
  }

  lost(lost: Lost): void {
    this.#lost.push(lost);
  }

  /** Whether the machine of this run ever slept: its monotonic clock does not tell how old a write is. */
  hasSlept(life: string): boolean {
    return this.#slept.has(life);
  }

  /** Whether it was ever committed: then nobody can lose it. */
  isCommitted(key: string, version: Version): boolean {
    return this.#names.has(nameOf(key, version));
  }

  /** Whether this version, or a later one of the key, was committed by then. */
  wasCommitted(key: string, version: Version, byMs: number): boolean {
    return (this.#committed.get(key) ?? []).some((one) =>
      one.atMs <= byMs && compareVersions(one.version, version) >= 0
    );
  }

  /**
   * Whether a run that had written this, and not given it to anybody, may have lost it.
   * @param write.version null: nobody knows
   * @param write.sinceMs when it was asked to write what it may have lost with it
   * @param byMs when its end must have begun, to tell
   */
  isLost(
    write: {
      readonly life: string;
      readonly key: string;
      readonly version: Version | null;
      readonly sinceMs: number;
    },
    byMs: number,
  ): boolean {
    const { life, key, version, sinceMs } = write;
    const beginMs = this.#stoppingMs.get(life) ?? Infinity;
    if (beginMs <= byMs && sinceMs <= (this.#endsMs.get(life) ?? Infinity)) return true;
    return this.#lost.some((lost) => {
      if (lost.life !== life || lost.key !== key) return false;
      return version === null || isWith(version, lost.version);
    });
  }
}

/** Whether it was written under the same grant, and not later. */
function isWith(version: Version, lost: Version): boolean {
  const { term, counter } = version;
  return term === lost.term && counter === lost.counter && version.write <= lost.write;
}

/** Names a version of a key. */
export function nameOf(key: string, version: Version): string {
  return `${key} ${versionText(version)}`;
}

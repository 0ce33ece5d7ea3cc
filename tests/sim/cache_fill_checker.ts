/**
 * Of one key one caller in the cluster has a fill token at a time, as long as the home is the same: until its value is
 * put, its time is over, or the lease of the peer that it was given through. Whether that lease may be over, the home's
 * answers tell.
 */
import { leaseTimes } from "../../src/cache/lease_times.ts";
import { decodeMessage } from "../../src/cache/message_codec.ts";
import type { PeerId } from "../../src/raft/entry.ts";

/** A token that a caller was given. */
export interface FillToken {
  readonly key: string;
  readonly partition: number;
  readonly token: string;
  /** The peer through which it was asked for. */
  readonly peer: PeerId;
  readonly ttlMs: number;
  readonly callMs: number;
  readonly returnMs: number;
  /** When it was used; null: it was not. */
  putMs: number | null;
}

/** Clocks run faster by no more than this. */
const CLOCK_RATE_MAX = 1.03;

export class CacheFillChecker {
  readonly #tokens: FillToken[] = [];
  readonly #answeredMs = new Map<string, number[]>();
  readonly #overMs: number;

  /** @param electionTimeoutMs the minimum one */
  constructor(electionTimeoutMs: number) {
    this.#overMs = leaseTimes(electionTimeoutMs).peerOverMs / CLOCK_RATE_MAX;
  }

  given(token: FillToken): void {
    this.#tokens.push(token);
  }

  /** A frame of the cache was sent. */
  sent(to: PeerId, messages: readonly unknown[], nowMs: number): void {
    for (const fields of messages) {
      const message = decodeMessage(fields);
      const isAnswer = message?.kind === "leased" ||
        (message?.kind === "renewed" && message.isLeased);
      if (!isAnswer) continue;
      const name = `${message.partition} ${message.term} ${to}`;
      const before = this.#answeredMs.get(name);
      if (before === undefined) this.#answeredMs.set(name, [nowMs]);
      else if (before.at(-1) !== nowMs) before.push(nowMs);
    }
  }

  /** How many were given. */
  get count(): number {
    return this.#tokens.length;
  }

  /** @returns what is wrong */
  judge(): readonly string[] {
    const violations: string[] = [];
    const byHome = Map.groupBy(this.#tokens, ({ key, token }) => `${key} ${homeOf(token).term}`);
    for (const tokens of byHome.values()) {
      const inOrder = tokens.toSorted((one, other) => {
        return homeOf(one.token).number - homeOf(other.token).number;
      });
      for (const [place, later] of inOrder.entries()) {
        const held = inOrder.slice(0, place).find((one) => !this.#mayBeOver(one, later.returnMs));
        if (held === undefined) continue;
        const [one, other] = [held, later].map((token) => JSON.stringify(token));
        violations.push(`two callers fill ${later.key} at once: ${one} and ${other}`);
      }
    }
    return violations;
  }

  #mayBeOver(token: FillToken, byMs: number): boolean {
    const { putMs, callMs, ttlMs, partition, peer } = token;
    if (putMs !== null && putMs <= byMs) return true;
    if (callMs + ttlMs / CLOCK_RATE_MAX <= byMs) return true;
    const { term } = homeOf(token.token);
    const answered = this.#answeredMs.get(`${partition} ${term} ${peer}`) ?? [];
    // Whoever was not answered for so long in between has no lease.
    let lastMs = answered.findLast((atMs) => atMs <= callMs) ?? -Infinity;
    for (const atMs of [...answered.filter((one) => one > callMs && one < byMs), byMs]) {
      if (atMs - lastMs >= this.#overMs) return true;
      lastMs = atMs;
    }
    return false;
  }
}

/** A token's text begins with the term of its home, and a number that grows. */
function homeOf(token: string): { readonly term: number; readonly number: number } {
  const [term, number] = token.split(".").map(Number);
  return { term: term!, number: number! };
}

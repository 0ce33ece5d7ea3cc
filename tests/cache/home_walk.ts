/**
 * A random walk of one home: pure lines at three peers over a network that loses and delays, leases that end, a log
 * that stalls, removals and conditional writes; after every step at most one peer may write, and alone, and in the end
 * everybody who asks is served.
 */
import assert from "node:assert/strict";
import { stepLine } from "../../src/cache/line.ts";
import { type Line, NO_LINE } from "../../src/cache/line.ts";
import type { LineEvent } from "../../src/cache/line_events.ts";
import type { HomeMessage } from "../../src/cache/messages.ts";
import { Random } from "../../src/random.ts";
import { ET, HomeBench, settled } from "./home_bench.ts";

const KEYS = ["k", "l"];

/** One peer's lines, which live as long as its lease. */
class WalkingPeer {
  session: number | null = null;
  reported = -Infinity;
  leasedMs = -Infinity;
  readonly lines = new Map<string, Line>();
  request = 0;

  constructor(readonly bench: HomeBench, readonly name: string) {}

  line(key: string): Line {
    return this.lines.get(key) ?? NO_LINE;
  }

  get isLive(): boolean {
    return this.session !== null && this.bench.clock.monotonicMs() - this.leasedMs < ET;
  }

  step(key: string, event: LineEvent): void {
    const { line, effects } = stepLine(this.line(key), event);
    this.lines.set(key, line);
    const at = this.bench.at(key);
    for (const effect of effects) {
      switch (effect.kind) {
        case "ask":
          this.bench.tell(this.name, { ...effect, ...at, session: this.session! });
          break;
        case "writeBack":
          this.bench.tell(this.name, { ...effect, ...at, session: this.session ?? 0 });
          break;
        case "acknowledge":
        case "dropped":
          this.bench.tell(this.name, { ...effect, ...at });
          break;
      }
    }
  }

  look(): void {
    if (this.session === null || this.isLive) return;
    for (const key of KEYS) this.step(key, { kind: "lapsed" });
    this.session = null;
  }

  /** @param sent when what is answered was sent */
  hear(message: HomeMessage, sent: number): void {
    this.look();
    const nowMs = this.bench.clock.monotonicMs();
    switch (message.kind) {
      case "leased":
        this.session = message.session;
        this.leasedMs = sent;
        break;
      case "renewed":
        if (message.isLeased && message.session === this.session) this.leasedMs = sent;
        break;
      case "denied":
      case "delayed":
        break;
      case "recall":
        this.step(message.key, { ...message, nowMs });
        break;
      default:
        this.step(message.key, message);
    }
    this.look();
  }
}

/** @throws {Error} naming the seed where a promise is broken */
export async function walk(seed: number): Promise<void> {
  const random = new Random(seed);
  const bench = await HomeBench.begun();
  const peers = ["B", "C", "D"].map((name) => new WalkingPeer(bench, name));
  const open: Promise<unknown>[] = [];
  /** When each peer last sent a report or a renewal. */
  const sent = new Map<string, number>();
  for (let turn = 0; turn < 400; turn++) {
    await act(random, bench, peers, sent, open);
    await settled();
    for (const peer of peers) {
      const isLost = random.chance(0.1);
      const messages = random.chance(0.3) ? [] : bench.take(peer.name);
      for (const message of messages) {
        const isAnswer = message.kind === "leased" || message.kind === "renewed";
        if (!isLost) peer.hear(message, isAnswer ? sent.get(peer.name)! : 0);
      }
    }
    check(seed, peers);
    bench.homes.checkInvariants();
  }
  bench.isHeld = false;
  bench.quorum = undefined;
  await heal(bench, peers, sent);
  for (const key of KEYS) {
    await serve(bench, peers, sent, key);
  }
  await Promise.allSettled(open);
}

async function act(
  random: Random,
  bench: HomeBench,
  peers: readonly WalkingPeer[],
  sent: Map<string, number>,
  open: Promise<unknown>[],
): Promise<void> {
  const peer = random.pick(peers);
  const key = random.pick(KEYS);
  const nowMs = bench.clock.monotonicMs();
  peer.look();
  const line = peer.line(key);
  switch (random.integer(0, 9)) {
    case 0:
    case 1:
      if (!peer.isLive) {
        sent.set(peer.name, nowMs);
        for (const one of KEYS) peer.step(one, { kind: "lapsed" });
        peer.session = null;
        await bench.report(peer.name, []);
      } else if (line.ask === null) {
        const wish = random.chance(0.5) ? "owned" : "shared";
        peer.step(key, { kind: "ask", wish, request: ++peer.request });
      }
      break;
    case 2:
    case 3:
      if (peer.isLive && (line.state === "E" || line.state === "M")) {
        const value = Uint8Array.of(random.integer(0, 255));
        peer.step(key, { kind: "write", value, expiresMs: null, nowMs });
      }
      break;
    case 4:
      peer.step(key, { kind: "flush", nowMs, againAfterMs: 100, urgent: true });
      break;
    case 5:
      peer.step(key, { kind: "evict", nowMs });
      break;
    case 6:
      if (peer.session !== null) {
        sent.set(peer.name, nowMs);
        bench.renew(peer.name, peer.session);
      }
      break;
    case 7:
      await bench.pass(random.integer(1, 300));
      break;
    case 8:
      bench.isHeld = random.chance(0.3);
      if (!bench.isHeld) bench.commit();
      if (random.chance(0.2)) bench.loseQuorum();
      else bench.quorum = undefined;
      break;
    case 9:
      if (line.ask !== null) peer.step(key, { kind: "failed", request: line.ask.request });
      else if (random.chance(0.3)) {
        const kind = random.chance(0.5) ? "invalidate" : "remove";
        const question = kind === "remove" ? { kind, key, request: null } as const : { kind, key };
        open.push(bench.question(question as Parameters<HomeBench["question"]>[0]));
      }
      break;
  }
}

function check(seed: number, peers: readonly WalkingPeer[]): void {
  for (const key of KEYS) {
    const usable = peers.filter((peer) => peer.isLive && peer.line(key).state !== "I");
    const writers = usable.filter((peer) => peer.line(key).state !== "S");
    const isAlone = writers.length === 0 || usable.length === 1;
    assert.ok(isAlone, `seed ${seed}: ${usable.map(({ name }) => name)} have ${key}`);
  }
}

/** Everybody is heard, and reports anew. */
async function heal(
  bench: HomeBench,
  peers: readonly WalkingPeer[],
  sent: Map<string, number>,
): Promise<void> {
  bench.commit();
  await bench.pass(3 * ET);
  for (const peer of peers) {
    bench.take(peer.name);
    for (const key of KEYS) peer.step(key, { kind: "lapsed" });
    sent.set(peer.name, bench.clock.monotonicMs());
    await bench.report(peer.name, []);
    for (const message of bench.take(peer.name)) peer.hear(message, sent.get(peer.name)!);
    assert.ok(peer.isLive, `${peer.name} has a lease again`);
  }
}

/** Each may write in turn. */
async function serve(
  bench: HomeBench,
  peers: readonly WalkingPeer[],
  sent: Map<string, number>,
  key: string,
): Promise<void> {
  for (const peer of peers) {
    peer.step(key, { kind: "ask", wish: "owned", request: ++peer.request });
    for (let round = 0; round < 8; round++) {
      await settled();
      for (const one of peers) {
        for (const message of bench.take(one.name)) one.hear(message, sent.get(one.name)!);
      }
    }
    const { state } = peer.line(key);
    assert.equal(state, "E", `${peer.name} may write ${key}`);
    const nowMs = bench.clock.monotonicMs();
    peer.step(key, { kind: "write", value: Uint8Array.of(1), expiresMs: null, nowMs });
  }
}

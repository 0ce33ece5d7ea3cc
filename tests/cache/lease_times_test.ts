/** Whoever takes another's lease for ended is right, with clocks that drift apart by 5 % and machines that sleep. */
import assert from "node:assert/strict";
import {
  elapsedMs,
  isOtherOver,
  isOwnLive,
  leaseTimes,
  type Moment,
} from "../../src/cache/lease_times.ts";
import { Random } from "../../src/random.ts";

const TIMES = leaseTimes(1_000);
const ROUNDS = 20_000;

/** One machine's clocks. True time is nobody's. */
class Machine {
  readonly #rate: number;
  readonly #fallsAsleepMs: number;
  readonly #sleepMs: number;

  constructor(random: Random) {
    this.#rate = 1 + 0.05 * random.fraction();
    this.#fallsAsleepMs = random.fraction() * 3_000;
    this.#sleepMs = random.chance(0.3) ? random.fraction() * 2_000 : 0;
  }

  at(trueMs: number): Moment {
    const asleepMs = Math.min(this.#sleepMs, Math.max(0, trueMs - this.#fallsAsleepMs));
    return { monotonicMs: (trueMs - asleepMs) * this.#rate, wallMs: trueMs * this.#rate };
  }
}

Deno.test("a home takes a peer's lease for ended only once the peer does", () => {
  const random = new Random(1);
  let [over, live] = [0, 0];
  for (let round = 0; round < ROUNDS; round++) {
    const [peer, home] = [new Machine(random), new Machine(random)];
    const sentMs = random.fraction() * 1_000;
    const answeredMs = sentMs + random.fraction() * 500;
    const nowMs = answeredMs + random.fraction() * 1_500;
    const isOver = isOtherOver(home.at(answeredMs).monotonicMs, home.at(nowMs), TIMES);
    const isLive = isOwnLive(peer.at(sentMs), TIMES.peerMs, peer.at(nowMs));
    assert.ok(!(isOver && isLive), `round ${round}`);
    if (isOver) over++;
    if (isLive) live++;
  }
  assert.ok(over > ROUNDS / 10 && live > ROUNDS / 10, "both were tried");
});

Deno.test("a new home takes older homes and their leases for ended only once they are", () => {
  const random = new Random(2);
  for (let round = 0; round < ROUNDS; round++) {
    const [peer, former, next] = [new Machine(random), new Machine(random), new Machine(random)];
    const roundMs = random.fraction() * 1_000;
    // The voter that the election shares with the round answered the round first.
    const electedMs = roundMs + (random.chance(0.5) ? 0 : random.fraction() * 100);
    const sentMs = roundMs + random.fraction() * 900;
    const answeredMs = sentMs + random.fraction() * 100;
    const nowMs = electedMs + random.fraction() * 3_000;
    const elapsed = elapsedMs(next.at(electedMs), next.at(nowMs));
    const monotonic = next.at(nowMs).monotonicMs - next.at(electedMs).monotonicMs;
    assert.ok(elapsed >= monotonic);
    const roundBegan = former.at(roundMs);
    if (monotonic >= TIMES.olderHomesOverMs) {
      assert.ok(!isOwnLive(roundBegan, TIMES.homeMs, former.at(nowMs)), `round ${round}`);
    }
    const isAnswered = isOwnLive(roundBegan, TIMES.homeMs, former.at(answeredMs));
    if (isAnswered && monotonic >= TIMES.olderLeasesOverMs) {
      assert.ok(!isOwnLive(peer.at(sentMs), TIMES.peerMs, peer.at(nowMs)), `round ${round}`);
    }
  }
});

Deno.test("one's own lease ends by whichever clock went further", () => {
  const since = { monotonicMs: 100, wallMs: 5_000 };
  assert.ok(isOwnLive(since, 1_000, { monotonicMs: 1_099, wallMs: 5_010 }));
  assert.ok(!isOwnLive(since, 1_000, { monotonicMs: 1_100, wallMs: 5_010 }));
  assert.ok(!isOwnLive(since, 1_000, { monotonicMs: 110, wallMs: 6_000 }), "it slept");
  assert.ok(isOwnLive(since, 1_000, { monotonicMs: 110, wallMs: 4_000 }), "the wall clock was set");
  assert.ok(!isOwnLive(null, 1_000, since));
});

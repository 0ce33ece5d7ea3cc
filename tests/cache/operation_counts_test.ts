/**
 * What each operation costs in messages between the lines of peers and a home at another one, as they run: the
 * textbook's counts. What may ride with another message (a confirmation that nobody waits for, the word that a clean line
 * went) counts as none, and so do leases, which one frame renews for all lines.
 */
import assert from "node:assert/strict";
import type { CacheMessage } from "../../src/cache/messages.ts";
import { HomeBench, settled } from "./home_bench.ts";
import { ET, FLUSH, LinesHarness, put } from "./lines_harness.ts";

const LEASES: readonly CacheMessage["kind"][] = ["report", "leased", "renew", "renewed"];

/** Peers 0, 1, … have lines, and the home is at none of them. */
class Fleet {
  readonly home: HomeBench;
  readonly peers: readonly LinesHarness[];

  private constructor(home: HomeBench, peers: readonly LinesHarness[]) {
    this.home = home;
    this.peers = peers;
  }

  /** All of them have leases. */
  static async of(count: number, entriesMax = 1_000): Promise<Fleet> {
    const peers = Array.from({ length: count }, () => new LinesHarness({ entriesMax }));
    const fleet = new Fleet(await HomeBench.begun(1), peers);
    for (const [peer] of peers.entries()) await fleet.read(peer, `own line of ${peer}`);
    return fleet;
  }

  read(peer: number, key = "k"): Promise<number> {
    return this.#count(() => {
      const { lines } = this.peers[peer]!;
      return lines.hit(key) ?? lines.read(key, ET);
    });
  }

  write(peer: number, key = "k"): Promise<number> {
    return this.#count(() => {
      const { lines } = this.peers[peer]!;
      return lines.writeHere(key, put("1")) ?? lines.write(key, put("1"), ET);
    });
  }

  flush(peer: number): Promise<number> {
    return this.#count(() => this.peers[peer]!.clock.advance(FLUSH));
  }

  states(key = "k"): string {
    return this.peers.map(({ lines }) => lines.state(key)).join("");
  }

  /** @returns how many messages it took */
  async #count(operate: () => unknown): Promise<number> {
    const done = Promise.resolve(operate());
    let count = 0;
    let writeBacks = 0;
    const heard = ({ kind }: CacheMessage) => {
      if (kind === "writeBack") writeBacks++;
      const rides = kind === "dropped" || (kind === "confirmed" && writeBacks-- <= 0);
      if (!rides && !LEASES.includes(kind)) count++;
    };
    for (let quiet = 0; quiet < 3; quiet++) {
      for (const [place, peer] of this.peers.entries()) {
        for (const { message } of peer.sent.splice(0)) {
          heard(message);
          quiet = 0;
          if (message.kind !== "renew") this.home.tell(nameOf(place), message);
        }
        for (const message of this.home.take(nameOf(place))) {
          heard(message);
          quiet = 0;
          peer.hear(message);
        }
      }
      await settled();
    }
    await done;
    return count;
  }
}

function nameOf(place: number): string {
  return String.fromCharCode("B".charCodeAt(0) + place);
}

Deno.test("a read costs 2 messages, none on a hit, and 4 where the line is modified elsewhere", async () => {
  const fleet = await Fleet.of(3);
  assert.equal(await fleet.read(0), 2);
  assert.equal(fleet.states(), "EII");
  assert.equal(await fleet.read(0), 0);
  assert.equal(await fleet.write(0), 0, "from Exclusive to Modified");
  assert.equal(await fleet.write(0), 0);
  assert.equal(await fleet.read(1), 4);
  assert.equal(fleet.states(), "SSI");
  assert.equal(await fleet.read(2), 2, "where it is Shared");
});

Deno.test("a write costs 2 messages, and 2 for each other holder", async () => {
  for (const others of [0, 1, 2, 5]) {
    const fleet = await Fleet.of(others + 1);
    for (let peer = 1; peer <= others; peer++) await fleet.read(peer);
    assert.equal(await fleet.write(0), 2 + 2 * others, `${others} others`);
    assert.equal(fleet.states(), `M${"I".repeat(others)}`);
  }
});

Deno.test("an upgrade costs 2 messages, and 2 for each other sharer", async () => {
  for (const others of [1, 3]) {
    const fleet = await Fleet.of(others + 1);
    for (let peer = 0; peer <= others; peer++) await fleet.read(peer);
    assert.equal(await fleet.write(0), 2 + 2 * others);
  }
});

Deno.test("a write costs 4 messages where the line is modified elsewhere", async () => {
  const fleet = await Fleet.of(2);
  await fleet.write(1);
  assert.equal(await fleet.write(0), 4);
  assert.equal(fleet.states(), "MI");
});

Deno.test("a write-back costs 2 messages, however often the line was written", async () => {
  const fleet = await Fleet.of(1);
  for (let count = 0; count < 5; count++) await fleet.write(0);
  assert.equal(await fleet.flush(0), 2);
  assert.equal(fleet.states(), "E");
  assert.equal(await fleet.flush(0), 0);
});

Deno.test("an eviction costs 2 messages where the line is dirty, else none", async () => {
  const fleet = await Fleet.of(2, 1);
  await fleet.write(0);
  assert.equal(await fleet.read(0, "other"), 2 + 2);
  assert.equal(fleet.states(), "II");
  assert.equal(await fleet.read(0, "third"), 2);
  assert.equal(fleet.states("other"), "II");
  assert.equal(await fleet.flush(0), 0, "the word that it went rides, or comes by itself");
  assert.equal(await fleet.read(1, "other"), 2, "the line that went is not asked for");
});

/** The cache in a cluster of real peers in one process, over TCP. */
import assert from "node:assert/strict";
import type { GetAnswer, PutAnswer, PutRequest } from "../../src/cache/cache.ts";
import type { RequestKey } from "../../src/groups/groups.ts";
import { limitMs } from "../speed_limit.ts";
import { type ClusterPeer, eventually, TestCluster } from "./cluster.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function get({ core }: ClusterPeer, key: string): Promise<GetAnswer> {
  return core.cache.get({ key, fill: false, waitMs: 0, fillTtlMs: null });
}

function put(
  { core }: ClusterPeer,
  key: string,
  value: unknown,
  more: Partial<PutRequest> = {},
): Promise<PutAnswer> {
  const data = encoder.encode(JSON.stringify(value));
  const plain = { ttlMs: null, durable: false, ifVersion: undefined, fillToken: null };
  return core.cache.put({ key, data, ...plain, request: null, ...more });
}

function valueOf({ value }: GetAnswer): unknown {
  return value === null ? null : JSON.parse(decoder.decode(value.data));
}

async function read(peer: ClusterPeer, key: string): Promise<unknown> {
  return valueOf(await get(peer, key));
}

type Three = readonly [ClusterPeer, ClusterPeer, ClusterPeer];

/** Leases last long enough that a machine with much to do does not end them. */
const ELECTION_TIMEOUT_MS = 1_500;

function withThree(work: (peers: Three) => Promise<void>): Promise<void> {
  return TestCluster.with({ electionTimeoutMs: ELECTION_TIMEOUT_MS }, (cluster) => {
    const [one, two, three] = cluster.peers;
    return work([one!, two!, three!]);
  });
}

Deno.test("cache: a value is read everywhere, written elsewhere, and read anew at once", async () => {
  await withThree(async ([one, two, three]) => {
    assert.equal((await get(one, "k")).status, "miss");
    assert.equal((await put(one, "k", 1)).ok, true);
    const recalled = await get(two, "k");
    assert.deepEqual([recalled.status, recalled.state, valueOf(recalled)], ["filled", "S", 1]);
    assert.equal((await get(two, "k")).status, "hit");
    assert.equal((await put(three, "k", 2)).ok, true);
    const lines = two.lines.map(({ message }) => message).filter((text) => text.includes("INVAL"));
    assert.deepEqual(lines, ["Received INVAL for k. State -> I"]);
    assert.equal(await read(two, "k"), 2);
    assert.equal(await read(one, "k"), 2);
  });
});

Deno.test("cache: every peer is a writer in turn, and every read sees the last write", async () => {
  await withThree(async (peers) => {
    for (let round = 0; round < 60; round++) {
      const key = `k${round % 20}`;
      const writer = peers[round % 3]!;
      assert.equal((await put(writer, key, round)).ok, true);
      for (const peer of peers) {
        assert.equal(await read(peer, key), round, `${peer.name}, ${round}`);
      }
    }
  });
});

Deno.test("cache: peers that all increment one number lose none of it", async () => {
  await withThree(async (peers) => {
    await put(peers[0], "counter", 0);
    const increment = async (peer: ClusterPeer) => {
      for (;;) {
        const found = await get(peer, "counter");
        const ifVersion = found.value!.version;
        const answer = await put(peer, "counter", Number(valueOf(found)) + 1, { ifVersion });
        if (answer.ok) return;
      }
    };
    const worker = async (peer: ClusterPeer) => {
      for (let count = 0; count < 50; count++) await increment(peer);
    };
    await Promise.all(peers.flatMap((peer) => [worker(peer), worker(peer)]));
    for (const peer of peers) assert.equal(await read(peer, "counter"), 300);
  });
});

Deno.test("cache: delete leaves no copy, invalidate no line, and versions never come again", async () => {
  await withThree(async ([one, two, three]) => {
    const first = await put(one, "k", 1);
    await read(two, "k");
    assert.deepEqual(await three.core.cache.delete("k", null), { existed: true });
    for (const peer of [one, two, three]) assert.equal((await get(peer, "k")).status, "miss");
    assert.deepEqual(await two.core.cache.delete("k", null), { existed: false });
    const second = await put(two, "k", 2, { ifVersion: null });
    assert.ok(first.ok && second.ok && first.version !== second.version);
    assert.equal((await put(three, "k", 3, { ifVersion: null })).ok, false);
    await one.core.cache.invalidate("k");
    const view = await one.core.cache.state("k");
    assert.deepEqual([view.holders, view.version], [[], second.version]);
    assert.equal((await get(three, "k")).state, "E");
    assert.equal(await read(one, "k"), 2);
  });
});

Deno.test("cache: a write under a caller's own id is done once, whoever is asked again", async () => {
  await withThree(async ([one, two, three]) => {
    const request: RequestKey = { kind: "caller", principal: "somebody", id: "7" };
    const first = await put(one, "k", 1, { request });
    await put(two, "k", 2);
    assert.deepEqual(await put(three, "k", 1, { request }), first);
    assert.equal(await read(one, "k"), 2);
  });
});

Deno.test("cache: a durable write outlives its owner, and another one at least until its lease is over", async () => {
  await withThree(async ([one, two, three]) => {
    for (const owner of [one, two, three]) {
      const key = `durable at ${owner.name}`;
      assert.equal((await put(owner, key, 1, { durable: true })).ok, true);
    }
    await three.crash();
    for (const owner of [one, two, three]) {
      const found = await eventually("the line can be had", 10_000, () => {
        return read(one, `durable at ${owner.name}`);
      });
      assert.equal(found, 1);
      assert.equal((await put(two, `durable at ${owner.name}`, 2)).ok, true);
    }
  });
});

Deno.test("cache: a peer that stops writes back first, and nobody waits for its leases", async () => {
  await withThree(async ([one, two, three]) => {
    for (let count = 0; count < 100; count++) await put(three, `k${count}`, count);
    await three.stop();
    const begunMs = performance.now();
    for (let count = 0; count < 100; count++) assert.equal(await read(one, `k${count}`), count);
    assert.equal((await put(two, "k0", "new")).ok, true);
    assert.ok(performance.now() - begunMs < limitMs(5_000));
  });
});

Deno.test("cache: of many who miss, one computes the value and the others wait for it", async () => {
  await withThree(async (peers) => {
    let computed = 0;
    const lookUp = async (peer: ClusterPeer) => {
      const asked = { key: "k", fill: true, waitMs: 5_000, fillTtlMs: null };
      const found = await peer.core.cache.get(asked);
      if (found.fillToken === null) return [found.status, valueOf(found)];
      computed++;
      const filled = await put(peer, "k", "dear", { fillToken: found.fillToken });
      assert.equal(filled.ok, true);
      return ["computed", "dear"];
    };
    const found = await Promise.all([...peers, ...peers, ...peers].map(lookUp));
    assert.equal(computed, 1);
    assert.ok(found.every(([, value]) => value === "dear"));
  });
});

Deno.test("cache: who missed a value just before it was put is not told to compute it again", async () => {
  await withThree(async ([one, two]) => {
    const lookUp = (peer: ClusterPeer, key: string) =>
      peer.core.cache.get({ key, fill: true, waitMs: 5_000, fillTtlMs: null });
    for (let round = 0; round < 100; round++) {
      const key = `k${round}`;
      const { fillToken } = await lookUp(one!, key);
      const filling = put(two!, key, "dear", { fillToken });
      // At every moment of it in turn, where it is put.
      for (let turn = 0; turn < round % 20; turn++) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      const found = await lookUp(two!, key);
      assert.deepEqual([found.fillToken, valueOf(found)], [null, "dear"], `round ${round}`);
      assert.equal((await filling).ok, true);
    }
  });
});

Deno.test("cache: while every peer lives, nothing that is written is lost, however lines wander", async () => {
  await withThree(async (peers) => {
    const endMs = performance.now() + 2 * ELECTION_TIMEOUT_MS;
    const last = new Map<string, number>();
    const writer = async (key: string) => {
      for (let number = 1; performance.now() < endMs; number++) {
        const peer = peers[number % 3]!;
        assert.equal((await put(peer, key, number, { durable: number % 5 === 0 })).ok, true);
        last.set(key, number);
      }
    };
    await Promise.all(Array.from({ length: 12 }, (_, place) => writer(`k${place}`)));
    for (const [key, number] of last) {
      for (const peer of peers) assert.equal(await read(peer, key), number);
    }
    for (const { core } of peers) assert.equal(core.cache.stats().lost, 0);
  });
});

Deno.test("cache: a peer holds 1,000 lines however many are written, and nothing that goes is lost", async () => {
  await withThree(async ([one, two]) => {
    const keys = Array.from({ length: 4_000 }, (_, place) => `k${place}`);
    for (let first = 0; first < keys.length; first += 200) {
      const batch = keys.slice(first, first + 200);
      await Promise.all(batch.map((key, place) => put(one, key, first + place)));
      const { lines, linesMax } = one.core.cache.stats();
      assert.ok(lines <= 1_000 && linesMax === 1_000, `${lines} lines`);
    }
    const { lines, evictions, lost } = one.core.cache.stats();
    assert.deepEqual([lines, evictions, lost], [1_000, 3_000, 0]);
    const values = await Promise.all(keys.map((key) => read(two, key)));
    assert.deepEqual(values, keys.map((_key, place) => place));
    assert.equal(two.core.cache.stats().lines, 1_000);
  });
});

/** Who is the home no more writes nothing into Redis, however late what it wrote arrives. */
import assert from "node:assert/strict";
import { FrontCounters } from "../../../src/cache/redis/front_counters.ts";
import { FrontKeys } from "../../../src/cache/redis/front_keys.ts";
import { FrontLink } from "../../../src/cache/redis/front_link.ts";
import { type StoreWrite, TermStore } from "../../../src/cache/redis/term_store.ts";
import { SILENT } from "../../../src/logger.ts";
import { Random } from "../../../src/random.ts";
import { parseRedisUrl } from "../../../src/storage/redis/redis_address.ts";
import { eventually } from "../../eventually.ts";
import { RedisServer, redisTest } from "../../redis_server.ts";
import { TEST_CLOCK } from "../../storage/redis_store.ts";
import { FrontCluster, PREFIX } from "./front_cluster.ts";
import { HeldProxy } from "./held_proxy.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function withLink(test: (server: RedisServer, link: FrontLink) => Promise<void>): Promise<void> {
  return RedisServer.with([], async (server) => {
    const link = new FrontLink({
      address: parseRedisUrl(server.url)!,
      certificates: null,
      prefix: PREFIX,
      lineTtlMs: 10_000,
      clock: TEST_CLOCK,
      random: new Random(1),
      logger: SILENT,
    }, { changed() {}, lost() {}, stale() {} });
    try {
      await test(server, link);
    } finally {
      link.close();
    }
  });
}

function storeOf(link: FrontLink, term: number, counters = new FrontCounters()) {
  const keys = new FrontKeys(PREFIX, "cluster");
  const mayGrant = { isSo: true };
  const store = new TermStore({
    link,
    keys,
    counters,
    partition: 1,
    term,
    mayGrant: () => mayGrant.isSo,
  });
  return { store, keys, counters, mayGrant };
}

function writeOf(term: number, write: number, text: string | null): StoreWrite {
  const value = text === null ? null : encoder.encode(text);
  return {
    key: "k",
    version: { term, counter: 1, write },
    value,
    leftMs: null,
    remember: null,
  };
}

redisTest(
  "once a home of a later term has begun, an earlier one neither reads nor writes",
  async () => {
    await withLink(async (server, link) => {
      const former = storeOf(link, 4);
      await former.store.write(writeOf(4, 1, "1"));
      const latter = storeOf(link, 5);
      assert.equal(decoder.decode((await latter.store.read("k")).value!), "1");
      await assert.rejects(former.store.write(writeOf(4, 2, "2")), {
        code: "UNAVAILABLE",
        message: /Redis has term 5 for partition 1, and this home has 4/,
      });
      assert.deepEqual([former.store.isOver, former.counters.refusedByTerm], [true, 1]);
      await assert.rejects(former.store.read("k"), /Redis has term 5/);
      const late = storeOf(link, 4);
      await assert.rejects(late.store.read("k"), /Redis has term 5/, "it cannot begin again");
      assert.equal(await server.send("GET", `${PREFIX}k`), "$1\r\n1\r\n");
      assert.equal((await latter.store.write(writeOf(5, 1, null))).existed, true);
    });
  },
);

redisTest("an older write that comes late, or one that comes twice, changes nothing", async () => {
  await withLink(async (server, link) => {
    const { store } = storeOf(link, 9);
    assert.deepEqual(await store.write(writeOf(9, 10, "10")), { isWritten: true, existed: false });
    const older = { isWritten: false, existed: false };
    assert.deepEqual(await store.write(writeOf(9, 9, "9")), older);
    assert.deepEqual(await store.write(writeOf(9, 10, "10")), older);
    assert.deepEqual(await store.write(writeOf(8, 99, "8")), older);
    assert.deepEqual(await store.write(writeOf(9, 20, null)), { isWritten: true, existed: true });
    assert.deepEqual(await store.write(writeOf(9, 15, "15")), older, "not after its removal");
    assert.equal(await server.send("GET", `${PREFIX}k`), "$-1\r\n");
  });
});

redisTest(
  "a server that has lost the term hears it again from who is the home for certain",
  async () => {
    await withLink(async (server, link) => {
      const { store, keys, mayGrant } = storeOf(link, 3);
      await store.write(writeOf(3, 1, "1"));
      await server.send("FLUSHALL");
      mayGrant.isSo = false;
      await assert.rejects(
        store.write(writeOf(3, 2, "2")),
        /has lost whose the partition's keys are/,
      );
      mayGrant.isSo = true;
      await store.write(writeOf(3, 2, "2"));
      assert.equal(await server.send("GET", keys.term(1)), "$1\r\n3\r\n");
      assert.equal(await server.send("GET", `${PREFIX}k`), "$1\r\n2\r\n");
    });
  },
);

redisTest(
  "a write of a former home that was on its way all the time is refused by Redis",
  async () => {
    const proxy = new HeldProxy();
    try {
      const url = ({ port }: RedisServer) => {
        proxy.serverPort = port;
        return proxy.url;
      };
      const front = { timeouts: { replyMs: 20_000 } };
      await FrontCluster.with({ url, front }, async (it) => {
        await it.watched();
        await it.put(0, "k", "before", { durable: true });
        proxy.text = "held back";
        const late = it.put(0, "k", "held back", { durable: true });
        late.catch(() => {});
        await eventually(
          "the home's write is on its way",
          5_000,
          () => assert.equal(proxy.held, 1),
        );
        proxy.text = null;
        await it.moveHome("k");
        assert.equal((await late).ok, true, "written by the next home");
        assert.equal(await it.stored("k"), "held back");
        assert.equal((await it.put(1, "k", "after", { durable: true })).ok, true);
        await proxy.release();
        await eventually("the late one was refused", 5_000, () => {
          assert.equal(it.count("refusedByTerm"), 1);
        });
        assert.equal(await it.stored("k"), "after");
        await it.everywhere("k", "after");
      });
    } finally {
      await proxy.close();
    }
  },
);

redisTest("a time that no date can name is for ever", async () => {
  await withLink(async (server, link) => {
    const { store } = storeOf(link, 1);
    for (const [leftMs, isForEver] of [["9000000000000000", true], ["60000", false]] as const) {
      await server.send("SET", `${PREFIX}k`, "1", "PX", leftMs);
      const found = await store.read("k");
      assert.equal(found.leftMs === null, isForEver);
      assert.ok(found.leftMs === null || found.leftMs <= 60_000);
    }
  });
});

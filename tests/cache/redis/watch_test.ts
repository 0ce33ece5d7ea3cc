/** How changes by others are noticed: by tracking, by notifications, or after a time; and when nobody tells of them. */
import assert from "node:assert/strict";
import { eventually } from "../../eventually.ts";
import { redisTest } from "../../redis_server.ts";
import { FrontCluster, PREFIX } from "./front_cluster.ts";

/** A user who may do all that a peer needs but be told of what it reads. */
const UNTRACKED = ["on", ">secret", "~*", "&*", "+@all", "-client|tracking"];
const asUntracked = ({ port }: { readonly port: number }) => {
  return `redis://peer:secret@127.0.0.1:${port}`;
};
/** The connections of peers have a name. */
const OURS = /\bid=(\d+) .*name=skein /;

function withUntracked(
  flags: readonly string[],
  lineTtlMs: number,
  test: (it: FrontCluster) => Promise<void>,
): Promise<void> {
  const user = ["--user", "peer", ...UNTRACKED];
  const options = { flags: [...user, ...flags], url: asUntracked, front: { lineTtlMs } };
  return FrontCluster.with(options, test);
}

async function clientIds(it: FrontCluster): Promise<string[]> {
  const list = await it.send("CLIENT", "LIST");
  return list.split("\n").flatMap((line) => OURS.exec(line)?.slice(1) ?? []);
}

redisTest("a server without tracking tells of changes by notifications", async () => {
  await withUntracked(["--notify-keyspace-events", "KA"], 60_000, async (it) => {
    await it.watched("notifications");
    await it.put(0, "k", 1, { durable: true });
    await it.everywhere("k", 1);
    await it.send("SET", `${PREFIX}k`, "2");
    await it.everywhere("k", 2);
    await it.send("APPEND", `${PREFIX}k`, "3");
    await it.everywhere("k", 23);
    await it.send("DEL", `${PREFIX}k`);
    await it.everywhere("k", null);
    assert.equal(it.count("changes"), 3);
    for (let round = 0; round < 50; round++) {
      await it.put(0, "own", round, { durable: round % 2 === 0, ttlMs: 60_000 });
    }
    await it.everywhere("own", 49);
    assert.equal(it.count("changes"), 3, "own writes are no changes by others");
  });
});

redisTest("a server that tells of nothing: changes are seen after the time of a line", async () => {
  await withUntracked([], 400, async (it) => {
    await it.watched("ttl");
    const [{ lines }] = it.peers as [typeof it.peers[number]];
    const said = lines.map(({ message }) => message).join("\n");
    assert.match(said, /tells of no changes.*up to 0\.4 s.*notify-keyspace-events to KA/s);
    await it.put(0, "k", 1, { durable: true });
    await it.everywhere("k", 1);
    await it.send("SET", `${PREFIX}k`, "2");
    await it.everywhere("k", 2);
    await it.send("DEL", `${PREFIX}k`);
    await it.everywhere("k", null);
  });
});

redisTest("notifications of one kind alone are not enough to rest on", async () => {
  await withUntracked(["--notify-keyspace-events", "K$"], 60_000, async (it) => {
    await it.watched("ttl");
  });
});

redisTest(
  "a connection on which changes are told is killed: what was told by then is not kept",
  async () => {
    await FrontCluster.with({ front: { lineTtlMs: 60_000 } }, async (it) => {
      await it.watched();
      for (let round = 0; round < 6; round++) {
        await it.put(round % 3, "k", `own ${round}`, { durable: true });
        await it.everywhere("k", `own ${round}`);
        const ids = await clientIds(it);
        assert.ok(ids.length >= 6, `${ids.length} connections`);
        // Those that read and write, those on which changes are told, and both.
        const killed = ids.filter((_id, place) => round % 3 === 2 || place % 2 === round % 3);
        for (const id of killed) await it.send("CLIENT", "KILL", "ID", id);
        await it.send("SET", `${PREFIX}k`, `"theirs ${round}"`);
        await it.everywhere("k", `theirs ${round}`);
      }
      await it.watched();
      assert.ok(it.count("reconnects") >= 6);
    });
  },
);

redisTest("a server that forgets all", async () => {
  await FrontCluster.with({}, async (it) => {
    await it.watched();
    await it.put(0, "k", 1, { durable: true });
    await it.everywhere("k", 1);
    await it.send("FLUSHALL");
    await it.everywhere("k", null);
    await eventually("the term is said again, and writes come", 10_000, async () => {
      assert.equal((await it.put(1, "k", 2, { durable: true })).ok, true);
      assert.equal(await it.stored("k"), "2");
    });
    await it.everywhere("k", 2);
  });
});

redisTest(
  "a number that others count up never goes back, whichever peer is asked, wherever its home moves",
  async () => {
    await FrontCluster.with({}, async (it) => {
      await it.watched();
      const endMs = performance.now() + 3_000;
      let counted = 0;
      const application = async () => {
        while (performance.now() < endMs) {
          counted = Number((await it.send("INCR", `${PREFIX}n`)).slice(1));
        }
      };
      let seen = 0;
      const reader = async () => {
        for (let round = 0; performance.now() < endMs; round++) {
          const seenBefore = seen;
          const place = Math.floor(Math.random() * 3);
          const number = Number(await it.read(place, "n") ?? 0);
          assert.ok(number >= seenBefore, `peer ${place + 1} read ${number} after ${seenBefore}`);
          seen = Math.max(seen, number);
          await new Promise((resolve) => setTimeout(resolve, 0));
        }
      };
      const mover = async () => {
        while (performance.now() < endMs) await it.moveHome("n");
      };
      await Promise.all([application(), reader(), reader(), reader(), reader(), mover()]);
      assert.ok(counted > 100, `${counted}`);
      await it.everywhere("n", counted);
    });
  },
);

redisTest(
  "changes by others while lines are read and written: in the end all see the same",
  async () => {
    await FrontCluster.with({}, async (it) => {
      await it.watched();
      const endMs = performance.now() + 3_000;
      const peer = async (place: number) => {
        for (let round = 0; performance.now() < endMs; round++) {
          const key = `k${round % 5}`;
          if (round % 4 === 0) await it.put(place, key, `${place}.${round}`);
          else await it.read(place, key);
        }
      };
      const application = async () => {
        for (let round = 0; performance.now() < endMs; round++) {
          await it.send("SET", `${PREFIX}k${round % 5}`, `"theirs.${round}"`);
        }
      };
      const mover = async () => {
        for (let round = 0; performance.now() < endMs; round++) await it.moveHome(`k${round % 5}`);
      };
      await Promise.all([peer(0), peer(1), peer(2), application(), mover()]);
      for (let number = 0; number < 5; number++) {
        const key = `k${number}`;
        await eventually("what all peers read is what Redis has", 10_000, async () => {
          for (const { core } of it.peers) assert.equal(core.cache.stats().dirty, 0);
          const stored = await it.stored(key);
          for (const place of [0, 1, 2]) {
            const value = await it.read(place, key);
            assert.ok(value === stored || JSON.stringify(value) === stored, `${value}, ${stored}`);
          }
        });
      }
    });
  },
);

for (const mode of ["tracking", "notifications"] as const) {
  redisTest(
    `another database, and keys without a prefix: changes are told by ${mode}`,
    async () => {
      const user = ["--user", "peer", ...UNTRACKED, "--notify-keyspace-events", "KA"];
      const url = ({ port }: { readonly port: number }) => {
        return `redis://${mode === "tracking" ? "" : "peer:secret@"}127.0.0.1:${port}/3`;
      };
      await FrontCluster.with({ flags: user, url, front: { prefix: "" } }, async (it) => {
        await it.watched(mode);
        const theirs = async (value: string) => {
          await it.send("SET", "a*b[c]", value);
          await it.send("COPY", "a*b[c]", "a*b[c]", "DB", "3", "REPLACE");
        };
        await theirs("1");
        await it.everywhere("a*b[c]", 1);
        await theirs("2");
        await it.everywhere("a*b[c]", 2);
        await it.put(0, "ours", 1, { durable: true });
        assert.equal(await it.send("EXISTS", "ours"), ":0\r\n", "not in the first database");
        assert.equal(
          await it.send("COPY", "a*b[c]", "ours", "DB", "3"),
          ":0\r\n",
          "it is in the fourth",
        );
      });
    },
  );
}

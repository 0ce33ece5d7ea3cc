import assert from "node:assert/strict";
import { limitMs, oneWithin } from "../speed_limit.ts";
import { eventually, SkeinCluster } from "./skein_process.ts";

Deno.test("locks over HTTP, through every peer, in both dialects", async (test) => {
  await SkeinCluster.with({}, async (cluster) => {
    const leader = await cluster.leader();
    const [follower, other] = await cluster.followers();

    await test.step("acquire answers alike on each peer: followers forward", async () => {
      let token = 0;
      for (const peer of cluster.peers) {
        const resource = `walk-${peer.name}`;
        const { status, body } = await peer.post("/lock/acquire", {
          resource,
          owner: "a",
          ttl: 30,
        });
        assert.equal(status, 200);
        assert.equal(body.success, true);
        assert.ok(Number.isSafeInteger(body.fencing_token) && body.fencing_token > token);
        assert.ok(Math.abs(Date.parse(body.expires_at) - Date.now() - 30_000) < limitMs(2_000));
        token = body.fencing_token;
      }
    });

    await test.step("a follower that shall not forward names the leader", async () => {
      const native = { resource: "walk-p1", owner: "a" };
      const { status, body } = await follower!.post("/lock/acquire?forward=false", native);
      assert.equal(status, 503);
      assert.equal(body.error, "NOT_LEADER");
      assert.equal(body.leader, leader.name);
      const second = { lock_name: "walk-p1", client_id: "a" };
      const answer = await follower!.post("/lock/acquire?forward=false", second);
      assert.equal(answer.status, 200);
      assert.deepEqual([answer.body.success, answer.body.error], [false, "NOT_LEADER"]);
    });

    await test.step("a second owner is refused, and told by whom", async () => {
      const { status, body } = await other!.post("/lock/acquire", {
        resource: "walk-p1",
        owner: "b",
      });
      assert.equal(status, 409);
      assert.deepEqual([body.success, body.error], [false, "LOCK_HELD"]);
      assert.equal(body.holders[0].owner, "a");
    });

    await test.step("a wrong owner and a stale token release nothing", async () => {
      for (const more of [{ owner: "b" }, { owner: "a", fencing_token: 999_999 }]) {
        const { status, body } = await follower!.post("/lock/release", {
          resource: "walk-p1",
          ...more,
        });
        assert.equal(status, 409);
        assert.equal(body.error, "NOT_HELD");
      }
    });

    await test.step("shared holders are together, an exclusive one waits for both", async () => {
      for (const owner of ["a", "b"]) {
        const shared = { resource: "shared", owner, mode: "shared" };
        assert.equal((await other!.post("/lock/acquire", shared)).status, 200);
      }
      const exclusive = { resource: "shared", owner: "c", timeout: 10 };
      const waiting = follower!.post("/lock/acquire", exclusive);
      await eventually("c waits", 10_000, async () => {
        const { body } = await leader.get("/lock/status?resource=shared");
        assert.deepEqual(body.waiters.map(({ owner }: { owner: string }) => owner), ["c"]);
        assert.equal(body.holders.length, 2);
      });
      for (const owner of ["a", "b"]) {
        const { status } = await leader.post("/lock/release", { resource: "shared", owner });
        assert.equal(status, 200);
      }
      assert.equal((await waiting).status, 200);
    });

    await test.step("waiters are served first come, first served", async () => {
      const resource = "fifo";
      await leader.post("/lock/acquire", { resource, owner: "holder" });
      const order: string[] = [];
      const waiting: Promise<void>[] = [];
      for (const owner of ["w1", "w2", "w3"]) {
        const peer = cluster.peers[waiting.length]!;
        waiting.push(
          peer.post("/lock/acquire", { resource, owner, timeout: 20 }).then(async ({ status }) => {
            assert.equal(status, 200);
            order.push(owner);
            await peer.post("/lock/release", { resource, owner });
          }),
        );
        await eventually(`${owner} waits`, 10_000, async () => {
          const { body } = await leader.get(`/lock/status?resource=${resource}`);
          assert.equal(body.waiters.at(-1).owner, owner);
        });
      }
      await other!.post("/lock/release", { resource, owner: "holder" });
      await Promise.all(waiting);
      assert.deepEqual(order, ["w1", "w2", "w3"]);
    });

    await test.step("two owners that wait for each other: one gets DEADLOCK", async () => {
      await oneWithin("the victim was told after", limitMs(100), async (number) => {
        const [d1, d2] = [`d1-${number}`, `d2-${number}`];
        await leader.post("/lock/acquire", { resource: d1, owner: "a" });
        await leader.post("/lock/acquire", { resource: d2, owner: "b" });
        const older = follower!.post("/lock/acquire", { resource: d2, owner: "a", timeout: 20 });
        await eventually("a waits", 10_000, async () => {
          const { body } = await leader.get(`/lock/status?resource=${d2}`);
          assert.equal(body.waiters.length, 1);
        });
        const beganMs = performance.now();
        const younger = { resource: d1, owner: "b", timeout: 20 };
        const { status, body } = await other!.post("/lock/acquire", younger);
        const tookMs = performance.now() - beganMs;
        assert.equal(status, 409);
        assert.equal(body.error, "DEADLOCK");
        assert.equal(body.cycle.length, 2);
        await eventually("every peer logs it", 10_000, () => {
          for (const peer of cluster.peers) assert.ok(peer.logged(/DEADLOCK DETECTED/) > 0);
        });
        await leader.post("/lock/release", { resource: d2, owner: "b" });
        assert.equal((await older).status, 200);
        return tookMs;
      });
    });

    await test.step("the second dialect's lease runs out, is logged, and granted on", async () => {
      const first = { lock_name: "lease", client_id: "a", lock_type: "exclusive", timeout: 1 };
      const granted = await other!.post("/lock/acquire", first);
      assert.deepEqual([granted.status, granted.body.success], [200, true]);
      const second = { lock_name: "lease", client_id: "b", lock_type: "exclusive", timeout: 5 };
      const refused = await follower!.post("/lock/acquire", second);
      assert.deepEqual([refused.status, refused.body.success], [200, false]);
      const before = leader.logged(/DEADLOCK DETECTED/);
      await eventually("the lease ends", 10_000, async () => {
        const { body } = await follower!.post("/lock/acquire", second);
        assert.equal(body.success, true);
        assert.ok(body.fencing_token > granted.body.fencing_token);
      });
      assert.ok(leader.logged(/DEADLOCK DETECTED.*lease timeout/) > 0, `${before} before`);
    });

    await test.step("a waiter whose client goes away leaves the queue", async () => {
      await leader.post("/lock/acquire", { resource: "gone", owner: "a" });
      const aborted = new AbortController();
      const waiting = fetch(`${other!.url}/lock/acquire`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ resource: "gone", owner: "b", timeout: 60 }),
        signal: aborted.signal,
      });
      await eventually("b waits", 10_000, async () => {
        const { body } = await leader.get("/lock/status?resource=gone");
        assert.equal(body.waiters.length, 1);
      });
      aborted.abort();
      await assert.rejects(waiting);
      await eventually("b no longer waits", 10_000, async () => {
        const { body } = await leader.get("/lock/status?resource=gone");
        assert.deepEqual(body.waiters, []);
      });
    });

    await test.step("the same request id gives the same answer, another body is refused", async () => {
      const headers = { "x-request-id": "one" };
      const body = { resource: "twice", owner: "a" };
      const once = await leader.post("/lock/acquire", body, headers);
      const again = await other!.post("/lock/acquire", body, headers);
      assert.equal(again.body.fencing_token, once.body.fencing_token);
      const different = await other!.post("/lock/acquire", { ...body, owner: "b" }, headers);
      assert.deepEqual([different.status, different.body.error], [422, "REQUEST_ID_REUSED"]);
    });
  });
});

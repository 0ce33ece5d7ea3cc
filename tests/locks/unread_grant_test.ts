/** Grants whose answer meets an ending: of its client, or of the replica that would word it. */
import assert from "node:assert/strict";
import { asked } from "./asked.ts";
import { resumed, SmallCluster, type SmallPeer } from "./small_cluster.ts";

Deno.test("a grant whose answer is lost on its way to the client is given back", async () => {
  const cluster = new SmallCluster("one");
  const [one] = cluster.peers as [SmallPeer];
  const control = new AbortController();
  const signal = control.signal;
  assert.ok((await one.service.acquire(asked("lock", "ann", { signal }))).ok);
  control.abort(new Error("gone"));
  await resumed();
  assert.equal(await one.service.status("lock", { stale: true }), null);
});

Deno.test("a grant is told though this peer's replica ended before its answer was made", async () => {
  const cluster = new SmallCluster("one");
  const [one] = cluster.peers as [SmallPeer];
  one.answersAfter = Promise.resolve().then(() => {
    one.ended = true;
  });
  assert.ok((await one.service.acquire(asked("lock", "ann"))).ok);
});

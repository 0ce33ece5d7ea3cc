/** What operators change of the membership, and how they watch what comes of it. */
import assert from "node:assert/strict";
import { eventually } from "../eventually.ts";
import { skeinCommand } from "../skein_command.ts";
import { failed, FakePeer } from "./fake_peer.ts";
import { skein } from "./skein_process.ts";

const MEMBER = {
  name: "peer-1",
  id: "0123456789abcdef",
  addresses: ["127.0.0.1:7001"],
  http_url: "http://127.0.0.1:8001",
  zone: "",
  state: "alive",
  draining: true,
  role: "voter",
  leads: [0, 3],
  replicas: 2,
  self: true,
};
const PLACEMENT = {
  driver: "peer-1",
  led: 15,
  replicas_wanted: 48,
  replicas_present: 45,
  deviating: 2,
  moves: [{ partition: 7, from: "peer-1", to: "peer-4", missing_entries: 1234 }],
  unavailable: [{ partition: 9, replicas: ["peer-2", "peer-3"], answering: ["peer-2"] }],
};
const CLUSTER = {
  success: true,
  cluster_id: "c1",
  partitions: 16,
  replicas: 3,
  members: [MEMBER],
  groups: [],
  placement: PLACEMENT,
  warnings: [],
};
const HEALTH = {
  success: true,
  node_id: "peer-1",
  version: "0.1.0",
  started_at: "2030-01-01T00:00:00.000Z",
  role: "leader",
  leader: "peer-1",
  term: 4,
  reasons: [],
};

const environment = (peer: FakePeer) => ({ SKEIN_URL: peer.url });

Deno.test("members add asks for an address, and says whether it was a member before", async () => {
  let wasMember = false;
  await using peer = new FakePeer({
    "POST /cluster/add": () => {
      const answer = { success: true, member: "peer-4", id: "abc", was_member: wasMember };
      return [200, answer];
    },
  });
  const args = ["members", "add", "10.0.0.4:7001", "--wait", "7"];
  const first = await skein(args, environment(peer));
  assert.equal(first.stdout, "peer-4 is a member now\n");
  const { address, timeout } = peer.asked[0]!.body;
  assert.deepEqual([address, Math.round(Number(timeout))], ["10.0.0.4:7001", 7]);
  wasMember = true;
  assert.match((await skein(args, environment(peer))).stdout, /^peer-4 was a member already\n$/);
  const { stdout } = await skein([...args, "--json"], environment(peer));
  assert.deepEqual(JSON.parse(stdout), {
    success: true,
    member: "peer-4",
    id: "abc",
    was_member: true,
  });
});

Deno.test("members remove is refused with the cluster's reason, and forced when told to", async () => {
  await using peer = new FakePeer({
    "POST /cluster/remove": ({ body }) =>
      body["force"] === true
        ? [200, { success: true, member: "peer-1" }]
        : [409, failed("CONFLICT", "partition 3 cannot be without peer-1", { partitions: [3] })],
  });
  const refused = await skein(["members", "remove", "peer-1"], environment(peer));
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /partition 3 cannot be without peer-1\n$/);
  const forced = await skein(["members", "remove", "peer-1", "--force"], environment(peer));
  assert.deepEqual([forced.code, forced.stdout], [0, "peer-1 was removed\n"]);
});

Deno.test("members drain returns at once, or waits until nothing is left there", async () => {
  await using peer = new FakePeer({
    "POST /cluster/drain": ({ body }) => [200, {
      success: true,
      member: "peer-1",
      draining: body["undo"] !== true,
    }],
    "GET /cluster": (_asked, count) => {
      const replicas = Math.max(0, 3 - count);
      return [200, { ...CLUSTER, members: [{ ...MEMBER, replicas }] }];
    },
  });
  const env = environment(peer);
  const atOnce = await skein(["members", "drain", "peer-1"], env);
  assert.match(atOnce.stdout, /^partitions leave peer-1: /);
  assert.equal(peer.count("GET /cluster"), 0);
  const waited = await skein(["members", "drain", "peer-1", "--wait"], env);
  assert.equal(waited.stdout, "peer-1 holds nothing any more\n");
  assert.equal(peer.count("GET /cluster"), 3);
  const undone = await skein(["members", "drain", "peer-1", "--undo", "--json"], env);
  assert.deepEqual(JSON.parse(undone.stdout), {
    success: true,
    member: "peer-1",
    draining: false,
  });
  assert.equal((await skein(["members", "drain", "peer-1", "--undo", "--wait"], env)).code, 2);
});

Deno.test("members drain --wait ends where the member is gone, or drains no more", async () => {
  let members: readonly unknown[] = [{ ...MEMBER, draining: false }];
  await using peer = new FakePeer({
    "POST /cluster/drain": [200, { success: true, member: "peer-1", draining: true }],
    "GET /cluster": () => [200, { ...CLUSTER, members }],
  });
  const args = ["members", "drain", "peer-1", "--wait"];
  const undone = await skein(args, environment(peer));
  assert.deepEqual([undone.code, undone.stderr], [1, "skein: peer-1 is no longer to be drained\n"]);
  members = [];
  const gone = await skein(args, environment(peer));
  assert.deepEqual([gone.code, gone.stderr], [1, "skein: peer-1 is no member now\n"]);
});

Deno.test("members and status show who drains, what moves, and what is unavailable", async () => {
  await using peer = new FakePeer({ "GET /cluster": [200, CLUSTER], "GET /health": [200, HEALTH] });
  const members = await skein(["members"], environment(peer));
  assert.match(members.stdout, /\npeer-1 +alive, draining +voter +2 +2 +http:/);
  const { stdout } = await skein(["status"], environment(peer));
  assert.match(
    stdout,
    /\npartitions +16, 15 led; 45 of 48 replicas; 2 not as wanted, 1 moving now\n/,
  );
  assert.match(
    stdout,
    /\nwarning: partition 9 .*: of its replicas on peer-2, peer-3 only those on peer-2 answer\n/,
  );
  assert.match(stdout, /\nPARTITION +FROM +TO +ENTRIES TO GO\n7 +peer-1 +peer-4 +1234\n$/);
});

Deno.test("status --watch goes on, also while nobody answers, until it is stopped: exit code 0", async () => {
  let isAway = false;
  await using peer = new FakePeer({
    "GET /cluster": () => isAway ? [503, failed("NO_LEADER", "nobody leads")] : [200, CLUSTER],
    "GET /health": [200, HEALTH],
  });
  const args = ["status", "--watch", "--json", "--retry", "0"];
  const child = skeinCommand(args, { environment: environment(peer), stdin: "null" }).spawn();
  const lines: string[] = [];
  const reading = (async () => {
    const text = child.stdout.pipeThrough(new TextDecoderStream());
    let rest = "";
    for await (const chunk of text) {
      const parts = (rest + chunk).split("\n");
      rest = parts.pop()!;
      lines.push(...parts);
    }
  })();
  try {
    await eventually("two looks", 15_000, () => assert.ok(lines.length >= 2));
    assert.equal(JSON.parse(lines[0]!).placement.led, 15);
    isAway = true;
    await eventually("one that failed", 15_000, () => {
      const { success, error } = JSON.parse(lines.at(-1)!);
      assert.deepEqual([success, error], [false, "NO_LEADER"]);
    });
    isAway = false;
    await eventually("one that did not", 15_000, () => {
      assert.equal(JSON.parse(lines.at(-1)!).success, true);
    });
  } finally {
    child.kill("SIGINT");
  }
  const [{ code }, stderr] = await Promise.all([
    child.status,
    new Response(child.stderr).text(),
    reading,
  ]);
  assert.deepEqual([code, stderr], [0, ""]);
});

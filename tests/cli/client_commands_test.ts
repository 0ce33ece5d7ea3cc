/** Commands that talk to a cluster: what they send, what they print, and their exit codes. */
import assert from "node:assert/strict";
import { failed, FakePeer } from "./fake_peer.ts";
import { skein } from "./skein_process.ts";

const UNTIL = "2030-01-01T00:00:30.000Z";
const GRANT = { success: true, fencing_token: 7, expires_at: UNTIL };
const HOLDER = {
  owner: "bob",
  mode: "exclusive",
  fencing_token: 7,
  acquired_at: "2030-01-01T00:00:00.000Z",
  expires_at: UNTIL,
};
const LOCK = {
  resource: "report",
  holders: [HOLDER],
  waiters: [{ owner: "cat", mode: "shared", waiting_since: "2030-01-01T00:00:01.000Z" }],
};
const MEMBER = {
  name: "peer-1",
  id: "0123456789abcdef",
  addresses: ["127.0.0.1:7001"],
  http_url: "http://127.0.0.1:8001",
  zone: "b",
  state: "alive",
  draining: false,
  role: "voter",
  leads: [0, 3],
  replicas: 7,
  self: true,
  connection: null,
};
const CLUSTER = {
  success: true,
  cluster_id: "c1",
  partitions: 16,
  replicas: 3,
  members: [MEMBER],
  groups: [{ group: 0, leader: "peer-1", term: 4, role: "leader", voters: ["peer-1"] }],
  placement: null,
  warnings: ["a cluster of two stops when either peer stops"],
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

function environment(peer: FakePeer): Record<string, string> {
  return { SKEIN_URL: peer.url };
}

Deno.test("lock acquire sends what it was told, and prints the grant", async () => {
  await using peer = new FakePeer({ "POST /lock/acquire": [200, GRANT] });
  const args = ["lock", "acquire", "report", "--wait", "1.5", "--ttl", "60", "--mode", "shared"];
  const { code, stdout } = await skein(
    [...args, "--owner", "bob", "--url", peer.url, "--token", "hush"],
  );
  assert.equal(code, 0);
  assert.equal(stdout, `acquired report as bob: fencing token 7, until ${UNTIL}\n`);
  const [asked] = peer.asked;
  const { timeout, ...body } = asked!.body;
  assert.deepEqual(body, { resource: "report", owner: "bob", mode: "shared", ttl: 60 });
  assert.ok(Number(timeout) > 1 && Number(timeout) <= 1.5);
  assert.equal(asked!.authorization, "Bearer hush");
});

Deno.test("--json names its fields as HTTP does; the owner is the person by default", async () => {
  await using peer = new FakePeer({
    "POST /lock/acquire": [200, GRANT],
    "POST /lock/renew": [200, GRANT],
    "POST /lock/release": [200, { success: true }],
  });
  const owner = `ann@${Deno.hostname()}`;
  const run = async (args: readonly string[], env = {}) =>
    JSON.parse((await skein([...args, "--json"], { ...environment(peer), ...env })).stdout);
  const grant = { resource: "report", fencing_token: 7, expires_at: UNTIL };
  assert.deepEqual(await run(["lock", "acquire", "report"]), { success: true, owner, ...grant });
  assert.deepEqual(await run(["lock", "renew", "report", "--ttl", "9"], { SKEIN_OWNER: "w" }), {
    success: true,
    owner: "w",
    ...grant,
  });
  assert.deepEqual(await run(["lock", "release", "report", "--fencing-token", "7"]), {
    success: true,
    resource: "report",
    owner,
  });
  assert.deepEqual(peer.asked[1]!.body, {
    resource: "report",
    owner: "w",
    ttl: 9,
  });
  assert.equal(peer.asked[2]!.body["fencing_token"], 7);
});

Deno.test("lock status, ls and graph", async () => {
  const edge = { owner: "cat", resource: "report", holders: ["bob"] };
  await using peer = new FakePeer({
    "GET /lock/status?resource=report": [200, { success: true, ...LOCK }],
    "GET /locks?stale=true": [200, { success: true, locks: [LOCK] }],
    "GET /lock/graph": [200, { success: true, edges: [edge] }],
  });
  const env = environment(peer);
  const status = await skein(["lock", "status", "report"], env);
  assert.equal(status.code, 0);
  assert.match(
    status.stdout,
    /^RESOURCE .*\nreport +holds +bob +exclusive +7 +2030.*\nreport +waits +cat +shared\n$/,
  );
  const list = JSON.parse((await skein(["lock", "ls", "--stale", "--json"], env)).stdout);
  assert.deepEqual(list, { success: true, locks: [LOCK] });
  assert.match((await skein(["lock", "graph"], env)).stdout, /\ncat +report +bob\n$/);
  const absent = await skein(["lock", "status", "other"], env);
  assert.equal(absent.code, 1);
  assert.equal(absent.stderr, 'skein: nobody holds the lock "other"\n');
});

Deno.test("members and status", async () => {
  await using peer = new FakePeer({ "GET /cluster": [200, CLUSTER], "GET /health": [200, HEALTH] });
  const env = environment(peer);
  const members = await skein(["members"], env);
  assert.match(
    members.stdout,
    /\npeer-1 +alive +voter +2 +7 +http:\/\/127\.0\.0\.1:8001 +127\.0\.0\.1:7001 +b +01234567\n$/,
  );
  assert.deepEqual(JSON.parse((await skein(["members", "--json"], env)).stdout).members, [MEMBER]);
  const { code, stdout } = await skein(["status"], env);
  assert.equal(code, 0);
  assert.match(stdout, /\nhealth +healthy\n/);
  assert.match(stdout, /\nleader +peer-1\n/);
  assert.match(stdout, /\nwarning: a cluster of two stops when either peer stops\n/);
  const document = JSON.parse((await skein(["status", "--json"], env)).stdout);
  assert.equal(document.healthy, true);
  assert.equal(document.cluster_id, "c1");
});

Deno.test("status says over which way the other peers are connected, and how they were found", async () => {
  const connection = {
    way: "swarm",
    found_by: ["members", "swarm"],
    round_trip_ms: 1.25,
    retransmissions: 4,
    congestion_window: 40,
  };
  const members = [
    MEMBER,
    { ...MEMBER, name: "peer-2", self: false, connection },
    {
      ...MEMBER,
      name: "peer-3",
      self: false,
      connection: { ...connection, way: "tcp", found_by: [], retransmissions: null },
    },
    { ...MEMBER, name: "peer-4", self: false },
  ];
  await using peer = new FakePeer({
    "GET /cluster": [200, { ...CLUSTER, members }],
    "GET /health": [200, HEALTH],
  });
  const { stdout } = await skein(["status"], environment(peer));
  assert.match(stdout, /\npeer-2 +swarm +members, swarm +1\.3 ms +4 +40 packets\n/);
  assert.match(stdout, /\npeer-3 +tcp +its dial +1\.3 ms +40 packets\n/);
  assert.match(stdout, /\npeer-4 +none\s*\n/);
});

Deno.test("an unhealthy peer is exit code 3, with its reasons", async () => {
  const reasons = ["storage failed: ENOSPC"];
  await using peer = new FakePeer({
    "GET /cluster": [200, CLUSTER],
    "GET /health": [503, { ...HEALTH, ...failed("UNAVAILABLE", "not healthy"), reasons }],
  });
  const { code, stdout } = await skein(["status"], environment(peer));
  assert.equal(code, 3);
  assert.match(stdout, /not healthy: storage failed: ENOSPC/);
});

const refusals = [
  [409, "LOCK_HELD", 1],
  [409, "DEADLOCK", 1],
  [409, "LEASE_EXPIRED", 1],
  [422, "INVALID", 2],
  [400, "BAD_REQUEST", 2],
  [401, "UNAUTHORIZED", 6],
  [503, "NO_LEADER", 3],
  [504, "OUTCOME_UNKNOWN", 3],
  [429, "TOO_MANY_REQUESTS", 3],
  [500, "INTERNAL", 70],
] as const;

for (const [status, error, expected] of refusals) {
  Deno.test(`a refusal ${error} is exit code ${expected}`, async () => {
    const body = failed(error, `no: ${error}`, { holders: [HOLDER] });
    await using peer = new FakePeer({ "POST /lock/acquire": [status, body] });
    const args = ["lock", "acquire", "report", "--retry", "0"];
    const plain = await skein(args, environment(peer));
    assert.equal(plain.code, expected, plain.stderr);
    assert.equal(plain.stdout, "");
    assert.match(plain.stderr, new RegExp(`^skein: .*no: ${error}\n$`));
    const json = await skein([...args, "--json"], environment(peer));
    assert.equal(json.code, expected);
    const { message, ...document } = JSON.parse(json.stdout);
    assert.deepEqual(document, { holders: [HOLDER], success: false, error });
    assert.match(message, new RegExp(`no: ${error}$`));
  });
}

Deno.test("nobody there is exit code 3, and another address is tried", async () => {
  await using peer = new FakePeer({ "GET /cluster": [200, CLUSTER] });
  const closed = "127.0.0.1:9";
  const nobody = await skein(["members", "--retry", "0", "--url", closed]);
  assert.equal(nobody.code, 3);
  assert.match(nobody.stderr, /^skein: http:\/\/127\.0\.0\.1:9 did not answer: /);
  const second = await skein(["members", "--url", `${closed},${peer.url}`]);
  assert.equal(second.code, 0, second.stderr);
});

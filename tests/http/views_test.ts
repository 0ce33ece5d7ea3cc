import { deepEqual, equal, match, ok } from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import { Fixture, HOLDER, HOLDER_JSON, OTHER_ID, SELF_ID } from "./fake_peer.ts";

const LOCK = {
  resource: "printer",
  holders: [HOLDER],
  waiters: [{ owner: "bob", mode: "shared", waitingSince: "2026-01-01T00:01:00.000Z" }],
} as const;

const LOCK_JSON = {
  resource: "printer",
  holders: [HOLDER_JSON],
  waiters: [{ owner: "bob", mode: "shared", waiting_since: "2026-01-01T00:01:00.000Z" }],
};

Deno.test("lock status: holders and waiters, by either name of the field", async () => {
  const fixture = new Fixture();
  fixture.fake.locks.locks = [LOCK];
  const native = await fixture.get("/lock/status?resource=printer");
  deepEqual([native.status, native.json], [200, { success: true, ...LOCK_JSON }]);
  const second = await fixture.get("/lock/status?lock_name=printer&stale=true");
  deepEqual([second.status, second.json], [200, {
    success: true,
    lock_name: "printer",
    ...LOCK_JSON,
  }]);
  deepEqual(fixture.fake.locks.reads.map(({ stale }) => stale), [false, true]);
});

Deno.test("lock status: nobody's lock is a 404; no name, two names and bad names are errors", async () => {
  const fixture = new Fixture();
  const of = async (query: string) => {
    const { status, json } = await fixture.get(`/lock/status${query}`);
    return [status, json.error];
  };
  deepEqual(await of("?resource=nobody"), [404, "NOT_FOUND"]);
  deepEqual(await of(""), [422, "INVALID"]);
  deepEqual(await of("?resource="), [422, "INVALID"]);
  deepEqual(await of("?resource=a%00b"), [422, "INVALID"]);
  deepEqual(await of("?resource=a&stale=perhaps"), [422, "INVALID"]);
  deepEqual(await of("?resource=a&lock_name=b"), [400, "BAD_REQUEST"]);
  deepEqual(await of("?resource=%F0%9F%94%92"), [404, "NOT_FOUND"]);
  equal(fixture.fake.locks.reads.at(-1)!.resource, "🔒");
});

Deno.test("locks and graph: everything, linearizable unless stale is asked for", async () => {
  const fixture = new Fixture();
  const edges = [{ owner: "bob", resource: "printer", holders: ["alice"] }];
  fixture.fake.locks.locks = [LOCK];
  fixture.fake.locks.edges = edges;
  const locks = await fixture.get("/locks");
  deepEqual([locks.status, locks.json], [200, { success: true, locks: [LOCK_JSON] }]);
  const graph = await fixture.get("/lock/graph?stale");
  deepEqual([graph.status, graph.json], [200, { success: true, edges }]);
  deepEqual(fixture.fake.locks.reads.map(({ stale }) => stale), [false, true]);
});

Deno.test("reads: a follower that may not ask the leader says who it is, unless stale will do", async () => {
  const fixture = new Fixture();
  fixture.fake.follow(OTHER_ID);
  fixture.fake.locks.locks = [LOCK];
  for (const path of ["/lock/status?resource=printer&", "/locks?", "/lock/graph?"]) {
    const { status, json } = await fixture.get(`${path}forward=false`);
    deepEqual([status, json.error, json.leader], [503, "NOT_LEADER", "two"]);
    equal((await fixture.get(`${path}forward=false&stale=true`)).status, 200);
  }
  const second = await fixture.get("/lock/status?lock_name=printer&forward=false");
  deepEqual([second.status, second.json.success, second.json.error], [200, false, "NOT_LEADER"]);
});

Deno.test("health and ready: 200, or 503 with the reasons; open where a token is set", async () => {
  const fixture = new Fixture({ token: "secret" });
  const common = {
    node_id: "one",
    version: "0.1.0",
    started_at: "2026-01-01T00:00:00.000Z",
    role: "leader",
    leader: "one",
    term: 3,
  };
  const healthy = await fixture.get("/health");
  deepEqual([healthy.status, healthy.json], [200, {
    success: true,
    status: "healthy",
    ...common,
    reasons: [],
  }]);
  equal((await fixture.get("/ready")).json.status, "ready");

  fixture.fake.healthReport = { healthy: false, reasons: ["storage failed: ENOSPC", "no leader"] };
  fixture.fake.readyReport = { healthy: false, reasons: ["draining"] };
  const unhealthy = await fixture.get("/health");
  deepEqual([unhealthy.status, unhealthy.json], [503, {
    success: false,
    error: "UNAVAILABLE",
    message: "one is unhealthy: storage failed: ENOSPC; no leader",
    status: "unhealthy",
    ...common,
    reasons: ["storage failed: ENOSPC", "no leader"],
  }]);
  const draining = await fixture.get("/ready");
  deepEqual([draining.status, draining.json.status, draining.json.reasons], [503, "not ready", [
    "draining",
  ]]);

  fixture.fake.groups.status0 = null;
  const { role, leader, term } = (await fixture.get("/health")).json;
  deepEqual([role, leader, term], [null, null, 0]);
});

Deno.test("health and metrics answer while the peer cannot serve", async () => {
  const fixture = new Fixture();
  fixture.fake.follow(OTHER_ID);
  fixture.fake.healthReport = { healthy: false, reasons: ["the storage failed"] };
  fixture.fake.unavailable = new SkeinError("STORAGE_FAILED", "the storage failed");
  const { status, json } = await fixture.get("/health");
  deepEqual([status, json.reasons, json.leader], [503, ["the storage failed"], OTHER_ID]);
  const metrics = await fixture.get("/metrics");
  equal(metrics.status, 200);
  match(metrics.text, /^skein_healthy 0$/m);
  equal((await fixture.get("/cluster")).json.error, "STORAGE_FAILED");
});

Deno.test("raft state: names for ids, progress on the leader", async () => {
  const fixture = new Fixture();
  const { status, json } = await fixture.get("/raft/state?group=0");
  equal(status, 200);
  deepEqual(json, {
    success: true,
    group: 0,
    node_id: "one",
    peer_id: SELF_ID,
    replica: 1,
    role: "leader",
    term: 3,
    leader: "one",
    commit_index: 41,
    last_applied: 40,
    first_index: 11,
    last_index: 42,
    log_length: 32,
    snapshot_index: null,
    group_time_ms: 123_456,
    asleep: false,
    configuration_index: 1,
    voters: ["one", "two"],
    voters_outgoing: [],
    learners: ["c".repeat(64)],
    peers: [{ name: "two", state: "replicate", match_index: 41, next_index: 43, active: true }],
  });
  equal((await fixture.get("/raft/state")).status, 200);
  deepEqual((await fixture.get("/raft/state?group=3")).json.error, "NOT_FOUND");
  equal((await fixture.get("/raft/state?group=minus")).status, 422);
  fixture.fake.follow(null);
  equal((await fixture.get("/raft/state")).json.leader, null);
});

Deno.test("raft operations: transfer by name or id, snapshot", async () => {
  const fixture = new Fixture();
  const byName = await fixture.post("/raft/transfer", { to: "two" });
  deepEqual([byName.status, byName.json], [200, { success: true, group: 0, to: "two" }]);
  await fixture.post("/raft/transfer", { to: OTHER_ID, group: 4 });
  deepEqual(fixture.fake.groups.transfers, [{ group: 0, to: OTHER_ID }, {
    group: 4,
    to: OTHER_ID,
  }]);
  equal((await fixture.post("/raft/transfer", { to: "nobody" })).status, 404);
  equal((await fixture.post("/raft/transfer", { to: "two", group: -1 })).status, 422);
  const snapshot = await fixture.post("/raft/snapshot", {});
  deepEqual([snapshot.status, snapshot.json], [200, {
    success: true,
    group: 0,
    index: 40,
    term: 3,
    size_bytes: 1234,
  }]);
  equal((await fixture.post("/raft/snapshot", { group: 9 })).status, 404);
});

Deno.test("cluster: members, groups, warnings; who this peer is; removal", async () => {
  const fixture = new Fixture();
  const { status, json } = await fixture.get("/cluster");
  equal(status, 200);
  deepEqual(json.members[0], {
    name: "one",
    draining: false,
    id: SELF_ID,
    addresses: ["127.0.0.1:7001"],
    http_url: "http://127.0.0.1:8001",
    zone: "",
    state: "alive",
    role: "voter",
    leads: [0],
    replicas: null,
    self: true,
    connection: null,
  });
  equal(json.members[1].self, false);
  deepEqual(json.members[1].connection, {
    way: "swarm",
    found_by: ["members", "swarm"],
    round_trip_ms: 1.5,
    retransmissions: 4,
    congestion_window: 40,
  });
  deepEqual(json.groups, [{
    group: 0,
    leader: "one",
    term: 3,
    role: "leader",
    voters: ["one", "two"],
  }]);
  deepEqual([json.cluster_id, json.partitions, json.replicas], ["c1", 16, 3]);
  deepEqual(json.warnings, ["a cluster of two stops when either peer stops"]);

  deepEqual((await fixture.get("/cluster/self")).json, {
    success: true,
    id: SELF_ID,
    name: "one",
    version: "0.1.0",
    cluster_id: "c1",
    addresses: ["127.0.0.1:7001"],
  });

  const removed = await fixture.post("/cluster/remove", { member: "two" });
  deepEqual([removed.status, removed.json], [200, { success: true, member: "two" }]);
  deepEqual(fixture.fake.members.operations, ["remove two"]);
  fixture.fake.members.removeWith = () => Promise.reject(new SkeinError("NOT_FOUND", "no such"));
  equal((await fixture.post("/cluster/remove", { member: "x" })).status, 404);
});

Deno.test("cluster: members are added, drained and removed as callers ask", async () => {
  const fixture = new Fixture();
  const { members } = fixture.fake;
  const added = await fixture.post("/cluster/add", { address: "10.0.0.2:7001" });
  deepEqual(added.json, { success: true, member: "two", id: OTHER_ID, was_member: false });
  const drained = await fixture.post("/cluster/drain", { member: "two" });
  deepEqual(drained.json, { success: true, member: "two", draining: true });
  const undone = await fixture.post("/cluster/drain", { member: "two", undo: true });
  deepEqual(undone.json, { success: true, member: "two", draining: false });
  await fixture.post("/cluster/remove", { member: "two", force: true });
  deepEqual(members.operations, [
    "add 10.0.0.2:7001 within 30 s",
    "drain two",
    "drain no more two",
    "remove two by force",
  ]);
  members.removeWith = () =>
    Promise.reject(new SkeinError("CONFLICT", "needed", { partitions: [3, 5] }));
  const refused = await fixture.post("/cluster/remove", { member: "two" });
  deepEqual([refused.status, refused.json.error, refused.json.partitions], [
    409,
    "CONFLICT",
    [3, 5],
  ]);
  for (
    const [path, body] of [
      ["/cluster/add", {}],
      ["/cluster/add", { address: "a:1", timeout: -1 }],
      ["/cluster/drain", { member: "two", undo: "yes" }],
      ["/cluster/remove", { member: "two", force: 1 }],
    ] as const
  ) equal((await fixture.post(path, body)).status, 422, path);
});

Deno.test("cluster: where the partitions are, by the system leader's word", async () => {
  const fixture = new Fixture();
  equal((await fixture.get("/cluster")).json.placement, null);
  fixture.fake.placement = {
    driver: OTHER_ID,
    leaders: [SELF_ID, OTHER_ID, null],
    replicasWanted: 6,
    replicasPresent: 4,
    held: new Map([[SELF_ID, 2]]),
    deviating: 1,
    moves: [{ partition: 1, from: OTHER_ID, to: SELF_ID, missingEntries: 12 }],
    unavailable: [{ partition: 3, replicas: [OTHER_ID], answering: [] }],
  };
  const { json } = await fixture.get("/cluster");
  deepEqual(json.placement, {
    driver: "two",
    led: 2,
    replicas_wanted: 6,
    replicas_present: 4,
    deviating: 1,
    moves: [{ partition: 1, from: "two", to: "one", missing_entries: 12 }],
    unavailable: [{ partition: 3, replicas: ["two"], answering: [] }],
  });
  const text = (await fixture.get("/metrics")).text;
  for (
    const line of [
      'skein_partitions{state="led"} 2',
      'skein_partitions{state="not_as_wanted"} 1',
      'skein_partitions{state="unavailable"} 1',
      'skein_placement_replicas{state="present"} 4',
      "skein_placement_moves_under_way 1",
      'skein_placement_held{peer="one"} 2',
      'skein_placement_leaders{peer="two"} 1',
      "skein_placement_moves_total 4",
      "skein_placement_changes_failed_total 1",
    ]
  ) ok(text.includes(`\n${line}\n`), line);
  const rows = json.members.map((
    { name, leads, replicas }: { name: string; leads: number[]; replicas: number },
  ) => [name, leads, replicas]);
  deepEqual(rows, [["one", [0, 1], 2], ["two", [2], 0]]);
});

Deno.test("metrics: what the peer knows, and what was asked of it, bad input included", async () => {
  const fixture = new Fixture();
  await fixture.post("/lock/acquire", { resource: "a", owner: "b" });
  await fixture.post("/lock/acquire", { resource: "a" });
  await fixture.post("/lock/acquire", "not json");
  await fixture.get("/nowhere");
  const { status, headers, text } = await fixture.get("/metrics");
  equal(status, 200);
  match(headers.get("content-type")!, /^text\/plain/);
  const lines = text.split("\n");
  const expected = [
    'skein_info{name="one",version="0.1.0"} 1',
    "skein_healthy 1",
    'skein_members{state="alive"} 2',
    "skein_cluster_warnings 1",
    "skein_locks_held 3",
    "skein_locks_waiting 1",
    "skein_queue_messages 12",
    "skein_queue_consumers 2",
    "skein_queue_waiting 4",
    "skein_queue_published_total 20",
    "skein_queue_handed_back_total 5",
    "skein_queue_dead_lettered_total 7",
    "skein_cache_lines 7",
    "skein_cache_dirty_lines 2",
    "skein_cache_hits_total 30",
    "skein_cache_write_backs_total 8",
    "skein_cache_lost_writes_total 1",
    'skein_cache_messages_total{direction="sent"} 40',
    'skein_raft_leader{group="0"} 1',
    'skein_raft_term{group="0"} 3',
    'skein_raft_commit_index{group="0"} 41',
    'skein_raft_applied_index{group="0"} 40',
    'skein_raft_state{group="0",role="leader"} 1',
    'skein_http_requests_total{method="POST",route="/lock/acquire",status="200"} 1',
    'skein_http_requests_total{method="POST",route="/lock/acquire",status="422"} 1',
    'skein_http_requests_total{method="POST",route="/lock/acquire",status="400"} 1',
    'skein_http_errors_total{code="INVALID"} 1',
    'skein_http_errors_total{code="BAD_REQUEST"} 1',
    'skein_http_errors_total{code="NOT_FOUND"} 1',
    'skein_http_request_seconds_bucket{le="+Inf",method="POST",route="/lock/acquire"} 3',
    'skein_http_request_seconds_count{method="POST",route="/lock/acquire"} 3',
    'skein_handshakes_refused_total{reason="key"} 2',
    'skein_transport_bytes_total{direction="received"} 20',
    'skein_transport_way{peer="two",way="swarm"} 1',
    'skein_transport_found_by{peer="two",by="swarm"} 1',
    'skein_transport_round_trip_seconds{peer="two",way="swarm"} 0.0015',
    'skein_transport_retransmissions{peer="two",way="swarm"} 4',
    'skein_transport_congestion_window_packets{peer="two",way="swarm"} 40',
    "skein_storage_fsyncs_total 4",
  ];
  for (const line of expected) ok(lines.includes(line), `${line}\nis not in\n${text}`);
  const names = lines.filter((line) => line.startsWith("# TYPE")).map((line) => line.split(" ")[2]);
  equal(new Set(names).size, names.length, "each metric is there once");
  const sums = lines.filter((line) => /_seconds_sum\{.*"\/lock\/acquire"/.test(line));
  ok(Number(sums[0]!.split(" ")[1]) > 0);
});

Deno.test("metrics: scraping twice counts nothing twice", async () => {
  const fixture = new Fixture();
  await fixture.get("/locks");
  await fixture.get("/metrics");
  const { text } = await fixture.get("/metrics");
  match(text, /skein_http_requests_total\{method="GET",route="\/locks",status="200"\} 1\n/);
  match(text, /skein_handshakes_refused_total\{reason="key"\} 2\n/);
});

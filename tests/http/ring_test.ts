import { deepEqual, equal, ok } from "node:assert/strict";
import { murmur3 } from "../../src/ring/murmur3.ts";
import { partitionOf } from "../../src/ring/partition_of.ts";
import { Fixture, OTHER_ID, SELF_ID } from "./fake_peer.ts";

const HASH_FUNCTION = "MurmurHash3 x86-32, seed 0, of the UTF-8 bytes";
const ONE = { name: "one", id: SELF_ID };
const TWO = { name: "two", id: OTHER_ID };

Deno.test("ring: a key's hash, whom it belongs to, and its partition", async () => {
  const fixture = new Fixture();
  const { status, json } = await fixture.get("/ring?key=orders");
  equal(status, 200);
  const { preference, wanted_replicas, preferred_leader, ...rest } = json;
  deepEqual(rest, {
    success: true,
    key: "orders",
    hash_function: HASH_FUNCTION,
    hash: murmur3("orders"),
    kind: "queue",
    partition: partitionOf("queue", "orders", 16),
  });
  const { ring, placements } = fixture.fake.members.wanted()!;
  deepEqual(preference[0].name, ring.ownerOf(murmur3("orders"))!.name);
  deepEqual(new Set(preference.map(({ id }: { id: string }) => id)), new Set([SELF_ID, OTHER_ID]));
  const placement = placements[json.partition - 1]!;
  deepEqual(wanted_replicas, placement.replicas.map(({ name, id }) => ({ name, id })));
  deepEqual(preferred_leader, placement.leader!.id === SELF_ID ? ONE : TWO);
});

Deno.test("ring: the partition is that of the kind", async () => {
  const fixture = new Fixture();
  for (const kind of ["queue", "cache", "events"] as const) {
    const { json } = await fixture.get(`/ring?key=gr%C3%B6%C3%9Fe&kind=${kind}`);
    deepEqual([json.kind, json.key, json.hash], [kind, "größe", murmur3("größe")]);
    equal(json.partition, partitionOf(kind, "größe", 16));
  }
});

Deno.test("ring: without a key the whole of it, equal to what single keys say", async () => {
  const fixture = new Fixture();
  const { status, json } = await fixture.get("/ring");
  equal(status, 200);
  const { peers, partitions, ...rest } = json;
  deepEqual(rest, { success: true, hash_function: HASH_FUNCTION, replicas: 3 });
  deepEqual(
    peers.map(({ name, id, zone, weight, virtual_nodes }: Record<string, unknown>) => ({
      name,
      id,
      zone,
      weight,
      virtual_nodes,
    })),
    [ONE, TWO].map((peer) => ({ ...peer, zone: "", weight: 1, virtual_nodes: 128 })),
  );
  ok(Math.abs(peers[0].share + peers[1].share - 1) < 1e-9);
  equal(peers[0].preferred_leader + peers[1].preferred_leader, 16);
  for (const peer of peers) {
    deepEqual([peer.wanted_replicas, peer.preferred_leader_max], [16, 10]);
    ok(peer.preferred_leader <= 10);
  }
  deepEqual(
    partitions.map(({ partition }: { partition: number }) => partition),
    Array.from({ length: 16 }, (_, at) => at + 1),
  );
  for (const key of ["a", "b", "c", "d"]) {
    const { json: one } = await fixture.get(`/ring?key=${key}`);
    const { partition, wanted_replicas, preferred_leader } = one;
    deepEqual(partitions[partition - 1], {
      partition,
      hash: murmur3(`partition:${partition}`),
      wanted_replicas,
      preferred_leader,
    });
  }
});

Deno.test("ring: a dead member owns nothing, and the key goes to the rest", async () => {
  const fixture = new Fixture();
  const { cluster } = fixture.fake.members;
  const members = cluster.members.map((member) =>
    member.id === OTHER_ID ? { ...member, state: "dead" as const } : member
  );
  fixture.fake.members.cluster = { ...cluster, members };
  const { peers, partitions } = (await fixture.get("/ring")).json;
  deepEqual([peers[1].weight, peers[1].virtual_nodes, peers[1].share], [0, 0, 0]);
  deepEqual([peers[1].wanted_replicas, peers[1].preferred_leader], [0, 0]);
  equal(peers[0].preferred_leader, 16);
  for (const { wanted_replicas } of partitions) deepEqual(wanted_replicas, [ONE]);
});

Deno.test("ring: before the cluster is formed there is none", async () => {
  const fixture = new Fixture();
  fixture.fake.members.cluster = {
    ...fixture.fake.members.cluster,
    clusterId: null,
    partitions: 0,
    replicas: 0,
    members: [],
  };
  for (const path of ["/ring", "/ring?key=a"]) {
    const { status, json, headers } = await fixture.get(path);
    deepEqual([status, json.error, headers.get("retry-after")], [503, "UNAVAILABLE", "1"]);
  }
});

Deno.test("ring: keys up to 1,024 bytes; bad ones and unknown kinds are refused", async () => {
  const fixture = new Fixture();
  const longest = "k".repeat(1_024);
  equal((await fixture.get(`/ring?key=${longest}`)).json.hash, murmur3(longest));
  const bad = ["key=", `key=${longest}k`, "key=a%00b", "key=%C3%BC".padEnd(4_000, "%C3%BC")];
  for (const query of [...bad, "key=a&kind=locks", "kind=locks"]) {
    const { status, json } = await fixture.get(`/ring?${query}`);
    deepEqual([status, json.error], [422, "INVALID"], query.slice(0, 40));
  }
});

Deno.test("ring: is under the token, and answers while nobody leads", async () => {
  const fixture = new Fixture({ token: "secret" });
  equal((await fixture.get("/ring")).status, 401);
  fixture.fake.follow(null);
  equal((await fixture.get("/ring", { authorization: "Bearer secret" })).status, 200);
});

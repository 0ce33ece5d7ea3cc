/** `skein ring`: what it asks, and what it prints. */
import assert from "node:assert/strict";
import { failed, FakePeer } from "./fake_peer.ts";
import { skein } from "./skein_process.ts";

const ONE = { name: "peer-1", id: "0123456789abcdef" };
const TWO = { name: "peer-2", id: "fedcba9876543210" };
const HASH_FUNCTION = "MurmurHash3 x86-32, seed 0, of the UTF-8 bytes";

const KEY = {
  success: true,
  key: "größe",
  hash_function: HASH_FUNCTION,
  hash: 3_126_731_219,
  preference: [TWO, ONE],
  kind: "cache",
  partition: 13,
  wanted_replicas: [ONE, TWO],
  preferred_leader: ONE,
};

function ringPeer(peer: typeof ONE, share: number) {
  return {
    ...peer,
    zone: "b",
    weight: 1,
    virtual_nodes: 128,
    share,
    wanted_replicas: 2,
    preferred_leader: 1,
    preferred_leader_max: 2,
  };
}

const RING = {
  success: true,
  hash_function: HASH_FUNCTION,
  replicas: 3,
  peers: [
    ringPeer({ name: "peer-10", id: "00".repeat(32) }, 0.48766),
    ringPeer(ONE, 0.51234),
  ],
  partitions: [
    { partition: 1, hash: 17, wanted_replicas: [TWO, ONE], preferred_leader: TWO },
    { partition: 2, hash: 18, wanted_replicas: [], preferred_leader: null },
  ],
};

Deno.test("ring KEY: its hash, whom that belongs to, and its partition", async () => {
  const route = "GET /ring?key=gr%C3%B6%C3%9Fe&kind=cache";
  await using peer = new FakePeer({ [route]: [200, KEY] });
  const env = { SKEIN_URL: peer.url };
  const { code, stdout, stderr } = await skein(["ring", "größe", "--kind", "cache"], env);
  assert.equal(code, 0, stderr);
  assert.equal(
    stdout,
    `key               größe
hash              3126731219 (${HASH_FUNCTION})
on the ring       peer-2, peer-1
partition         13 (cache)
wanted on         peer-1, peer-2
preferred leader  peer-1
`,
  );
  const json = await skein(["ring", "größe", "--kind", "cache", "--json"], env);
  assert.deepEqual(JSON.parse(json.stdout), KEY);
});

Deno.test("ring: every peer and every partition", async () => {
  await using peer = new FakePeer({ "GET /ring": [200, RING] });
  const env = { SKEIN_URL: peer.url };
  const { code, stdout, stderr } = await skein(["ring"], env);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^hash: MurmurHash3 x86-32, seed 0/);
  assert.match(
    stdout,
    /\npeer-1 +b +1 +128 +51\.2 % +2 +1 +01234567\npeer-10 +b +1 +128 +48\.8 % +2 +1 +00000000\n/,
  );
  assert.match(stdout, /\n1 +17 +peer-2 +peer-2, peer-1\n2 +18 +none\n$/);
  assert.deepEqual(JSON.parse((await skein(["ring", "--json"], env)).stdout), RING);
});

Deno.test("ring: an unknown kind is a wrong usage; a cluster that is not formed is exit code 3", async () => {
  const message = "there is no ring before the cluster is formed";
  await using peer = new FakePeer({ "GET /ring": [503, failed("UNAVAILABLE", message)] });
  const kind = await skein(["ring", "a", "--kind", "locks"], { SKEIN_URL: peer.url });
  assert.equal(kind.code, 2);
  assert.match(kind.stderr, /queue, cache, events/);
  const unformed = await skein(["ring", "--retry", "0"], { SKEIN_URL: peer.url });
  assert.equal(unformed.code, 3);
  assert.match(unformed.stderr, /no ring before/);
});

Deno.test("ring --help names the hash", async () => {
  const { code, stdout } = await skein(["ring", "--help"]);
  assert.equal(code, 0);
  assert.match(stdout, /MurmurHash3 x86-32,\s+seed 0/);
});

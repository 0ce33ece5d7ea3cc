/** What `skein cluster` starts: ports that do not meet, flags that a peer takes, secrets off the command line. */
import assert from "node:assert/strict";
import {
  peerEnvironment,
  peerFlags,
  PEERS_MAX,
  planPeers,
  sharedFlags,
} from "../../src/cli/cluster_plan.ts";
import { SETTING_ROWS } from "../../src/config/settings.ts";

Deno.test("three peers answer where scripts look for them", () => {
  const plan = planPeers(3, 8001, "d");
  assert.deepEqual(plan.map(({ httpPorts }) => httpPorts), [
    [8001, 8011, 8021],
    [8002, 8012, 8022],
    [8003, 8013, 8023],
  ]);
  assert.deepEqual(plan.map(({ peerPort }) => peerPort), [7001, 7002, 7003]);
});

Deno.test("no two peers want one port, however many there are", () => {
  const ports = planPeers(PEERS_MAX, 8001, "d").flatMap(({ addresses }) =>
    addresses.map(({ port }) => port)
  );
  assert.equal(ports.length, PEERS_MAX * 4);
  assert.equal(new Set(ports).size, ports.length);
});

Deno.test("a peer's flags name all peers, itself among them, and are flags of the table", () => {
  const plan = planPeers(2, 9001, "d");
  const flags = peerFlags(plan[1]!, plan);
  assert.deepEqual(flags, [
    "--name=peer-2",
    "--http=9002",
    "--http=9012",
    "--http=9022",
    "--listen=8002",
    "--peers=127.0.0.1:8001,127.0.0.1:8002",
    "--expect=2",
    "--data=d/peer-2",
  ]);
  const known = new Set(SETTING_ROWS.map(([, { flag }]) => `--${flag}`));
  for (const flag of flags) assert.ok(known.has(flag.split("=")[0]!), flag);
});

Deno.test("what is shared goes to every peer; secrets by the environment alone", () => {
  const flags = { heartbeat: "0.05", token: "hush" };
  assert.deepEqual(sharedFlags(flags), ["--heartbeat=0.05"]);
  const added = peerEnvironment({ PATH: "/bin" }, flags, "d/cluster.key");
  assert.deepEqual(added, { TOKEN: "hush", CLUSTER_KEY_FILE: "d/cluster.key" });
});

Deno.test("names that only one peer may have do not reach the peers", () => {
  const own = {
    NODE_ID: "x",
    NODE_PORT: "1",
    SELF_URL: "http://x",
    METRICS_PORT: "9100",
    CLUSTER_KEY: "another",
    LOCK_DEFAULT_TTL: "5",
  };
  const environment = { ...own, ...peerEnvironment(own, {}, "k") };
  const set = Object.entries(environment).filter(([, value]) => value !== "");
  assert.deepEqual(set, [["LOCK_DEFAULT_TTL", "5"], ["CLUSTER_KEY_FILE", "k"]]);
});

/**
 * The containers of scripts/compose.yaml: that each peer of it is one that can start, is found by the others and answers
 * where its ports say, and that what stands beside the peers fits them. What is written there is compared with the
 * settings, the command line and the image, so that none of them can change alone.
 */
import assert from "node:assert/strict";
import { planPeers } from "../../src/cli/cluster_plan.ts";
import { ENVIRONMENT_NAMES } from "../../src/cli/rights.ts";
import { type Config, ConfigError, loadConfig } from "../../src/config/mod.ts";
import { skein } from "../cli/skein_process.ts";
import { freePorts, SkeinCluster } from "../integration/skein_process.ts";
import { RedisServer, redisTest } from "../redis_server.ts";
import { type Environment, readComposeFile, SCRIPTS, type Service } from "./compose_file.ts";

const SECRETS = { TOKEN: "for-clients", CLUSTER_KEY: "a-key-that-peers-share" };
const NAMED_PEERS = ["peer-1", "peer-2", "peer-3"];
const METRICS_PORTS = [9001, 9002, 9003];
const EVENTS_PORT = 8080;
const REDIS_PORT = 6379;
const REDIS_URL = `redis://redis:${REDIS_PORT}`;

const file = await readComposeFile(SECRETS);
const peers = [...file.services.values()].filter(isPeer);
/** What the image sets beneath what a service does. */
const imageEnvironment = await environmentOfImage();

/** Started with the image's own command. */
function isPeer({ isBuilt, command }: Service): boolean {
  return isBuilt && command === null;
}

async function environmentOfImage(): Promise<Environment> {
  const dockerfile = await Deno.readTextFile(new URL("../../Dockerfile", import.meta.url));
  const [, text = ""] = /^ENV ((?:.*\\\n)*.*)$/m.exec(dockerfile) ?? [];
  return Object.fromEntries(text.split(/[\s\\]+/).map((entry) => entry.split("=")));
}

function service(name: string): Service {
  return file.services.get(name) ?? assert.fail(`there is a service ${name}`);
}

function configOf({ name, environment }: Service): Config {
  return loadConfig({
    flags: {},
    environment: { ...imageEnvironment, ...environment },
    readFile: (path) => assert.fail(`${name} reads ${path}`),
    hostName: "0123456789ab",
    terminal: false,
  });
}

function portsOf({ ports }: Service, target: number): number[] {
  return ports.filter((port) => port.target === target).map(({ published }) => published);
}

Deno.test("every variable is one that the program reads, and together they are a peer's settings", () => {
  for (const { name, isBuilt, environment } of file.services.values()) {
    if (!isBuilt) continue;
    for (const variable of Object.keys(environment)) {
      assert.ok(ENVIRONMENT_NAMES.includes(variable), `${name}: ${variable}`);
    }
  }
  assert.deepEqual(peers.map(({ name }) => name), [...NAMED_PEERS, "node", "events"]);
  for (const peer of peers) {
    const { token, clusterKey, warnings } = configOf(peer);
    assert.deepEqual({ TOKEN: token, CLUSTER_KEY: clusterKey }, SECRETS);
    assert.deepEqual(warnings, []);
  }
});

Deno.test("nothing is started without both secrets, and none stands in the file", async () => {
  for (const name of Object.keys(SECRETS)) {
    await assert.rejects(readComposeFile({ ...SECRETS, [name]: "" }), (error: Error) => {
      return error.message.startsWith(`${name}: `) && error.message.includes("scripts/.env");
    });
  }
  const ignored = await Deno.readTextFile(new URL("../../.gitignore", import.meta.url));
  for (const path of ["scripts/.env", "scripts/front.pem"]) {
    assert.ok(ignored.split("\n").includes(path), `${path} is never committed`);
  }
});

Deno.test("three peers have the ports of a cluster on one machine, and one for metrics each", () => {
  const planned = planPeers(NAMED_PEERS.length, 8001, "");
  for (const [index, { name, httpPorts }] of planned.entries()) {
    const peer = service(name);
    const { http, metrics } = configOf(peer);
    assert.deepEqual(portsOf(peer, http[0]!.port), httpPorts);
    assert.deepEqual(portsOf(peer, metrics!.port), [METRICS_PORTS[index]]);
    assert.equal(metrics!.host, "0.0.0.0");
  }
});

Deno.test("each port of the host belongs to one service, which listens there, on loopback but for the front", () => {
  const published = [...file.services.values()].flatMap(({ ports }) => ports);
  assert.equal(new Set(published.map((port) => port.published)).size, published.length);
  for (const peer of peers) {
    const { http, metrics } = configOf(peer);
    const listening = [...http.map(({ port }) => port), metrics?.port];
    for (const { target } of peer.ports) assert.ok(listening.includes(target), `${target}`);
  }
  for (const { name, ports } of file.services.values()) {
    for (const { host } of ports) assert.equal(host, name === "front" ? "" : "127.0.0.1");
  }
});

Deno.test("peers are told where to find each other, and are reached under the name of their service", () => {
  for (const peer of peers) {
    const { peers: list } = configOf(peer);
    assert.deepEqual(list.map(({ host }) => host), [...NAMED_PEERS, "node"]);
    for (const { host, port, kind } of list) {
      assert.deepEqual({ port, kind }, { port: configOf(service(host)).listen.port, kind: "peer" });
    }
    const { listen, advertise, http, name } = configOf(peer);
    assert.equal(listen.host, "0.0.0.0");
    const known = peer.name === "node" ? "0123456789ab" : peer.name;
    assert.deepEqual(advertise, { host: known, httpUrl: `http://${known}:${http[0]!.port}` });
    assert.equal(name, peer.name === "node" ? "0123456789ab-8001" : peer.name);
  }
});

Deno.test("the three form the cluster, whoever comes later joins", () => {
  for (const peer of peers) {
    const founds = NAMED_PEERS.includes(peer.name);
    assert.equal(configOf(peer).expect, founds ? NAMED_PEERS.length : 0, peer.name);
  }
});

Deno.test("every peer has its data in a volume of its own, which outlives its container where it has a name", () => {
  const mounts = [...file.services.values()].flatMap((each) => each.mounts);
  const named = mounts.map(({ source }) => source).filter((source) =>
    file.volumes.includes(source)
  );
  assert.deepEqual(named.toSorted(), file.volumes.toSorted(), "each is mounted once");
  for (const peer of peers) {
    if (peer.name === "node") continue;
    assert.deepEqual(peer.mounts, [{ source: peer.name, target: configOf(peer).dataDirectory }]);
  }
});

Deno.test("any number of nodes can be started: nothing of theirs is one for all", () => {
  const node = service("node");
  assert.equal(node.replicas, 0);
  assert.deepEqual(node.ports, []);
  assert.deepEqual(node.mounts, []);
  assert.ok(!node.keys.includes("container_name") && !node.keys.includes("hostname"));
  assert.ok(!("NODE_ID" in node.environment) && !("SELF_URL" in node.environment));
});

Deno.test("every peer is asked whether it is healthy, at the port where it listens", async () => {
  for (const peer of peers) {
    const [program, ...question] = peer.health ?? [];
    assert.equal(program, "/skein");
    const environment = { ...imageEnvironment, ...peer.environment };
    // Of a peer that is not there: the command line is understood, the question goes to its port, and the answer is no.
    const { code, stdout } = await skein([...question, "--json"], environment);
    assert.equal(code, 3, stdout);
    assert.ok(stdout.includes(`http://127.0.0.1:${configOf(peer).http[0]!.port}/health`), stdout);
  }
});

Deno.test("what is not always wanted is in a profile", () => {
  const always = [...file.services.values()].filter(({ profiles }) => profiles.length === 0);
  assert.deepEqual(always.map(({ name }) => name), [...NAMED_PEERS, "node"]);
  assert.deepEqual(service("redis").profiles, ["redis"]);
  assert.deepEqual(service("events").profiles, ["events"]);
  for (const { name, dependsOn } of file.services.values()) {
    for (const before of dependsOn) assert.ok(file.services.has(before), `${name} after ${before}`);
  }
});

Deno.test("peers keep their state in Redis when they are told to, and in the log else", async () => {
  assert.deepEqual(portsOf(service("redis"), REDIS_PORT), [REDIS_PORT]);
  assert.equal(configOf(service("peer-1")).redis, null);
  const told = await readComposeFile({ ...SECRETS, REDIS_URL });
  for (const { name } of peers) {
    const { redis } = configOf(told.services.get(name)!);
    assert.deepEqual(redis?.address.hosts, [{ host: "redis", port: REDIS_PORT }]);
  }
  assert.throws(
    () => configOf({ ...service("node"), environment: { REDIS_URL: "x" } }),
    ConfigError,
  );
});

redisTest(
  "the Redis of the profile loses nothing that it confirmed, in the judgement of a peer",
  async () => {
    const [program, ...flags] = service("redis").command ?? [];
    assert.equal(program, "redis-server");
    // They have to undo these.
    const careless = ["--appendonly", "no", "--appendfsync", "no"];
    await RedisServer.with([...careless, ...flags], async ({ url }) => {
      const [http, listen] = freePorts(2);
      const { code, stdout, stderr } = await skein(["run", "--check"], {
        ...service("peer-1").environment,
        HTTP_PORT: `127.0.0.1:${http}`,
        PEER_PORT: `127.0.0.1:${listen}`,
        METRICS_PORT: "",
        SELF_URL: "",
        REDIS_URL: url,
        REDIS_REQUIRE_DURABLE: "true",
      });
      assert.equal(code, 0, stdout + stderr);
    });
  },
);

Deno.test("the publisher asks the peer of its profile, once that is healthy", () => {
  const events = service("events");
  const publisher = service("publisher");
  assert.deepEqual(portsOf(events, configOf(events).http[0]!.port), [EVENTS_PORT]);
  assert.deepEqual(publisher.profiles, events.profiles);
  assert.deepEqual(publisher.dependsOn, ["events"]);
  assert.deepEqual(publisher.environment, {
    SKEIN_URL: configOf(events).advertise?.httpUrl,
    SKEIN_TOKEN: SECRETS.TOKEN,
  });
  assert.ok(!publisher.keys.includes("restart"), "it is done once");
});

Deno.test("the publisher sends three events, one of them twice, and is started again without harm", async () => {
  const { command, mounts } = service("publisher");
  const [mount, ...others] = mounts;
  assert.deepEqual(others, []);
  assert.equal(command?.at(-1), mount!.target);
  const question = [...command!.slice(0, -1), `${SCRIPTS}/${mount!.source}`];
  await SkeinCluster.with({ peers: 1 }, async ({ peers: [peer] }) => {
    for (const [received, known] of [[4, 1], [8, 5]]) {
      const { code, stderr } = await skein(question, { SKEIN_URL: peer!.url });
      assert.equal(code, 0, stderr);
      const { body } = await peer!.get("/stats");
      assert.equal(body.total_events_received, received);
      assert.equal(body.total_unique_events_processed, 3);
      assert.equal(body.total_duplicate_events_dropped, known);
    }
  });
});

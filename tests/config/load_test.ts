/** Where a setting's value comes from, what is refused and how it is said, and the defaults that follow. */
import assert from "node:assert/strict";
import { type Config, ConfigError, examineConfig, loadSettings } from "../../src/config/mod.ts";
import { KEY, load, refusal, type Said, sourcesOf } from "./said.ts";

Deno.test("nothing said: a single local peer on port 8001", () => {
  const config = load({});
  assert.deepEqual(config, {
    name: "anvil-8001",
    zone: "",
    http: [
      { host: "127.0.0.1", port: 8001, optional: false },
      { host: "::1", port: 8001, optional: true },
    ],
    httpOpen: false,
    token: null,
    tls: null,
    metrics: null,
    listen: { host: "127.0.0.1", port: 7001 },
    advertise: null,
    peers: [],
    swarm: null,
    clusterKey: null,
    expect: null,
    systemVoters: 3,
    partitions: 16,
    replicas: 3,
    deadPeerGraceMs: 30_000,
    redis: null,
    dataDirectory: "./skein-data/anvil-8001",
    snapshotEntries: 100_000,
    snapshotBytes: 64 * 1024 * 1024,
    electionTimeoutMinMs: 1000,
    electionTimeoutMaxMs: 2000,
    heartbeatMs: 150,
    frameBytesMax: 8 * 1024 * 1024,
    bodyBytesMax: 1024 * 1024,
    cacheBounds: { entriesMax: 1_000, bytesMax: 256 * 1024 ** 2 },
    cacheFlushIntervalMs: 100,
    cacheRedis: null,
    lockTtlMs: 300_000,
    queueBounds: { messagesMax: 2_000_000, bytesMax: 1024 ** 3, dedupMax: 1_000_000 },
    eventBounds: {
      identitiesMax: 20_000_000,
      retention: { ageMs: null, count: null, bytes: null, forgetAfterMs: null },
    },
    logLevel: "info",
    logFormat: "json",
    logFile: null,
    warnings: [],
  });
  assert.equal(load({ terminal: true }).logFormat, "pretty");
  const toFile = { terminal: true, environment: { LOG_FILE: "/var/log/skein.log" } };
  assert.equal(load(toFile).logFile, "/var/log/skein.log");
  assert.equal(load(toFile).logFormat, "json");
  assert.equal(load({ ...toFile, flags: { "log-format": "pretty" } }).logFormat, "pretty");
});

Deno.test("flag over environment over file over default", () => {
  const files = { "c.json": '{"lock-ttl": 3}' };
  const flags = { config: "c.json" };
  assert.equal(load({ flags, files }).lockTtlMs, 3000);
  const environment = { LOCK_DEFAULT_TTL: "4.5" };
  assert.equal(load({ flags, files, environment }).lockTtlMs, 4500);
  assert.equal(load({ flags: { ...flags, "lock-ttl": "5" }, files, environment }).lockTtlMs, 5000);
  assert.equal(load({ environment: { LOCK_DEFAULT_TTL: "" } }).lockTtlMs, 300_000);
  assert.equal(load({ files, environment: { CONFIG_FILE: "c.json" } }).lockTtlMs, 3000);
});

Deno.test("the names that operators already use", () => {
  const config = load({
    environment: {
      NODE_ID: "node-2",
      NODE_PORT: "9002",
      HTTP_PORT: "9009",
      PEER_PORT: "7100",
      SELF_URL: "http://node-2.internal:9002/",
      PEERS: "node-1:7100, http://node-3:9002",
      CLUSTER_KEY: KEY,
      BOOTSTRAP_EXPECT: "3",
      QUORUM: "2",
      ZONE: "b",
      REDIS_HOST: "redis",
      TOKEN: "let-me-in",
      DATA_DIR: "/data",
      METRICS_PORT: "9100",
      RAFT_ELECTION_TIMEOUT_MIN: "0.3",
      RAFT_ELECTION_TIMEOUT_MAX: "0.6",
      RAFT_HEARTBEAT_INTERVAL: "0.05",
      CACHE_MAX_SIZE: "77",
      LOCK_DEFAULT_TTL: "12",
      LOG_LEVEL: "WARNING",
      LOG_FORMAT: "json",
    },
  });
  assert.equal(config.name, "node-2");
  assert.deepEqual(config.http.map(({ port }) => port), [9002, 9002]);
  assert.deepEqual(config.listen, { host: "127.0.0.1", port: 7100 });
  assert.deepEqual(config.advertise, {
    host: "node-2.internal",
    httpUrl: "http://node-2.internal:9002",
  });
  assert.deepEqual(config.peers, [
    { host: "node-1", port: 7100, written: "node-1:7100", kind: "peer" },
    { host: "node-3", port: 9002, written: "http://node-3:9002", kind: "http" },
  ]);
  assert.equal(config.clusterKey, KEY);
  assert.equal(config.expect, 3);
  assert.equal(config.zone, "b");
  assert.deepEqual(config.redis?.address.hosts, [{ host: "redis", port: 6379 }]);
  assert.equal(config.token, "let-me-in");
  assert.equal(config.dataDirectory, "/data");
  assert.deepEqual(config.metrics, { host: "127.0.0.1", port: 9100 });
  assert.deepEqual([config.electionTimeoutMinMs, config.electionTimeoutMaxMs], [300, 600]);
  assert.equal(config.heartbeatMs, 50);
  assert.equal(config.cacheBounds.entriesMax, 77);
  assert.equal(config.lockTtlMs, 12_000);
  assert.equal(config.logLevel, "warn");
  assert.deepEqual(config.warnings, []);
});

Deno.test("bare CLUSTER_ADDRS are HTTP addresses, and PEERS comes before it", () => {
  const environment = { CLUSTER_ADDRS: "a:8001,b:8001", CLUSTER_KEY: KEY };
  assert.deepEqual(load({ environment }).peers.map(({ kind }) => kind), ["http", "http"]);
  assert.deepEqual(
    load({ environment: { ...environment, PEERS: "c:7001" } }).peers.map(({ host }) => host),
    ["c"],
  );
});

Deno.test("one half of the election timeout leaves the other at its default", () => {
  const config = load({ environment: { RAFT_ELECTION_TIMEOUT_MAX: "5" } });
  assert.deepEqual([config.electionTimeoutMinMs, config.electionTimeoutMaxMs], [1000, 5000]);
  assert.match(
    refusal({ environment: { RAFT_ELECTION_TIMEOUT_MIN: "3" } }),
    /RAFT_ELECTION_TIMEOUT_MIN and RAFT_ELECTION_TIMEOUT_MAX; allowed: MIN,MAX in seconds/,
  );
});

Deno.test("secrets come from files, and lose the line feed that editors add", () => {
  const files = { "/run/key": `${KEY}\n`, "/run/token": "hush\r\n" };
  const config = load({
    files,
    environment: { CLUSTER_KEY_FILE: "/run/key", TOKEN_FILE: "/run/token" },
  });
  assert.equal(config.clusterKey, KEY);
  assert.equal(config.token, "hush");
  assert.match(
    refusal({ environment: { TOKEN_FILE: "/none" } }),
    /^--token: cannot read the file "\/none" named by TOKEN_FILE: no such file; allowed: /,
  );
});

Deno.test("several listeners, by flag, by list and in the file", () => {
  const flags = { http: ["8001", "0.0.0.0:8011", "[::1]:8021"], token: "t" };
  const expected = [
    ["127.0.0.1", 8001],
    ["::1", 8001],
    ["0.0.0.0", 8011],
    ["::1", 8021],
  ];
  const pairs = (config: Config) => config.http.map(({ host, port }) => [host, port]);
  assert.deepEqual(pairs(load({ flags })), expected);
  const environment = { HTTP_PORT: "8001,0.0.0.0:8011,[::1]:8021", TOKEN: "t" };
  assert.deepEqual(pairs(load({ environment })), expected);
  const files = { "c.json": '{"http": [8001, "0.0.0.0:8011", "[::1]:8021"], "token": "t"}' };
  assert.deepEqual(pairs(load({ files, flags: { config: "c.json" } })), expected);
  assert.deepEqual(pairs(load({ flags: { http: "0", listen: "0" } })), [["127.0.0.1", 0]]);
});

Deno.test("who listens on all addresses is told to others by the host name", () => {
  const cluster = { token: "t", "cluster-key": KEY };
  const advertise = (flags: Record<string, string>) =>
    load({ flags: { ...cluster, ...flags } }).advertise;
  assert.deepEqual(advertise({ http: "0.0.0.0:8001", listen: "[::]:7001" }), {
    host: "anvil.example.org",
    httpUrl: "http://anvil.example.org:8001",
  });
  assert.deepEqual(advertise({ http: "[::1]:8001", listen: "0.0.0.0:7001" }), {
    host: "anvil.example.org",
    httpUrl: "http://[::1]:8001",
  });
  assert.deepEqual(advertise({ http: "0.0.0.0:8001", listen: "10.0.0.1:7001" }), {
    host: "10.0.0.1",
    httpUrl: "http://anvil.example.org:8001",
  });
  assert.equal(advertise({ http: "10.0.0.1:8001", listen: "10.0.0.1:7001" }), null);
  assert.equal(
    advertise({ http: "0.0.0.0:8001", listen: "0.0.0.0:7001", advertise: "b:1" })?.host,
    "b",
  );
});

Deno.test("a port that only this machine reaches needs no token; any other does, or --http-open", () => {
  for (const host of ["127.0.0.1", "127.9.9.9", "localhost", "[::1]"]) {
    load({ flags: { http: `${host}:8001` } });
  }
  for (const host of ["0.0.0.0", "10.0.0.1", "anvil", "[::]"]) {
    const http = `${host}:8001`;
    assert.match(refusal({ flags: { http } }), /^--token: none is given, and .*:8001 is reachable/);
    load({ flags: { http, token: "t" } });
    load({ flags: { http, "http-open": true } });
  }
  assert.match(refusal({ flags: { "metrics-port": "0.0.0.0:9100" } }), /^--token: /);
});

Deno.test("a cluster key is needed but for a single local peer", () => {
  for (const flags of [{ peers: "a:7001" }, { expect: "3" }, { listen: "0.0.0.0:7001" }]) {
    assert.match(refusal({ flags }), /^--cluster-key: none is given/);
    load({ flags: { ...flags, "cluster-key": KEY } });
  }
  load({ flags: { expect: "1" } });
});

const refused: readonly (readonly [string, string])[] = [
  ["heartbeat", "abc"],
  ["heartbeat", "-1"],
  ["heartbeat", "1e3"],
  ["heartbeat", "0"],
  ["heartbeat", "NaN"],
  ["heartbeat", ""],
  ["lock-ttl", "0.05"],
  ["lock-ttl", "Infinity"],
  ["election-timeout", "2"],
  ["election-timeout", "2,1"],
  ["election-timeout", "1,2,3"],
  ["http", "70000"],
  ["http", "host"],
  ["http", "http://host:1"],
  ["listen", "::1:8001"],
  ["peers", "host"],
  ["peers", "host:0"],
  ["peers", "ftp://host:1"],
  ["advertise", "ftp://host:1"],
  ["advertise", "http://host:1/path"],
  ["expect", "65"],
  ["expect", "-1"],
  ["expect", "1.5"],
  ["system-voters", "2"],
  ["partitions", "0"],
  ["partitions", "4096"],
  ["replicas", "0"],
  ["replicas", "65"],
  ["name", "a/b"],
  ["name", "__proto__"],
  ["max-body", "2MiB"],
  ["max-frame", "8 parsecs"],
  ["log-level", "loud"],
  ["log-format", "xml"],
  ["redis", "http://host"],
  ["cache-max-entries", "0"],
];

for (const [flag, value] of refused) {
  Deno.test(`refused: --${flag} ${JSON.stringify(value)}`, () => {
    const message = refusal({ flags: { [flag]: value } });
    assert.ok(message.startsWith(`--${flag}: cannot use `), message);
    assert.match(message, /from the flag --.*; allowed: ./);
    if (flag !== "redis") assert.ok(message.includes(JSON.stringify(value)), message);
  });
}

Deno.test("a secret is never shown, not even refused", () => {
  for (const [flag, value] of [["cluster-key", "short"], ["token", "two words"]] as const) {
    const message = refusal({ flags: { [flag]: value } });
    assert.ok(!message.includes(value), message);
  }
});

Deno.test("as many replicas of partitions as a formation plan can name", () => {
  const { partitions, replicas } = load({ flags: { partitions: "4095", replicas: "8" } });
  assert.deepEqual([partitions, replicas], [4095, 8]);
  const environment = { PARTITIONS: "4000", REPLICAS: "9" };
  assert.equal(
    refusal({ environment }),
    "--partitions: cannot use 4000 with 9 replicas each; " +
      "allowed: at most 32768 replicas of all partitions together",
  );
});

Deno.test("everything wrong is said at once", () => {
  assert.throws(
    () => load({ flags: { heartbeat: "x", expect: "x" }, environment: { LOG_LEVEL: "x" } }),
    (error: unknown) => error instanceof ConfigError && error.problems.length === 3,
  );
});

/** What is wrong, by the settings' names. */
function problemsOf(said: Said): string[] {
  return examineConfig(sourcesOf(said)).problems.map(({ setting }) => setting);
}

Deno.test("what does not fit together is said beside what is wrong by itself", () => {
  const http = "0.0.0.0:8001";
  assert.deepEqual(problemsOf({ flags: { http, expect: "x" } }), ["--expect", "--token"]);
  const tls = { "tls-cert": "none.pem", "tls-key": "nothing.pem" };
  assert.deepEqual(problemsOf({ flags: { heartbeat: "0.9", zone: "/", ...tls } }), [
    "--zone",
    "--tls-cert",
    "--tls-key",
    "--heartbeat",
  ]);
});

Deno.test("a refused setting is not held against others", () => {
  const http = "0.0.0.0:8001";
  for (
    const flags of [
      { http: "0.0.0.0:x" },
      { http, token: "two words" },
      { http, "http-open": "perhaps" },
      { http: "999", listen: "x" },
      { peers: "a:7001", "cluster-key": "short" },
      { peers: "a:x" },
      { heartbeat: "0.9", "election-timeout": "2,1" },
      { http, peers: "a:7001", heartbeat: "0.9", "tls-cert": "c.pem", config: "none.json" },
    ]
  ) {
    assert.equal(problemsOf({ flags }).length, 1, JSON.stringify(flags));
  }
});

Deno.test("a few settings are read for themselves", () => {
  const environment = { HTTP_PORT: "0.0.0.0:9001", TLS_CERT: "/none", HEARTBEAT: "x", EXPECT: "x" };
  const { http, tlsCert } = loadSettings(["http", "tlsCert"], sourcesOf({ environment }));
  assert.deepEqual(http, [{ host: "0.0.0.0", port: 9001, optional: false }]);
  assert.equal(tlsCert, "/none");
  const wrong = { environment: { HTTP_PORT: "x" } };
  assert.throws(() => loadSettings(["http"], sourcesOf(wrong)), ConfigError);
  assert.equal(loadSettings(["zone"], sourcesOf(wrong)).zone, null);
});

Deno.test("a quorum other than the majority is warned of", () => {
  const warn = (quorum: string, expect: string) =>
    load({ flags: { quorum, expect, "cluster-key": KEY } }).warnings;
  assert.deepEqual(warn("2", "3"), []);
  assert.deepEqual(warn("1", "3"), [
    "--quorum 1 is less than the majority of 3 peers; the majority, 2, is used",
  ]);
  assert.match(warn("3", "3")[0]!, /more than the majority/);
});

Deno.test("sizes are read in bytes, KiB, MiB, GiB and in thousands", () => {
  const bytes = (text: string) => load({ flags: { "snapshot-bytes": text } }).snapshotBytes;
  assert.equal(bytes("65536"), 65_536);
  assert.equal(bytes("64KiB"), 65_536);
  assert.equal(bytes("1.5 MiB"), 1_572_864);
  assert.equal(bytes("2gb"), 2_000_000_000);
});

/** The settings of the swarm: how they are written, what they need, and what follows from them. */
import assert from "node:assert/strict";
import { KEY, load, refusal } from "./said.ts";

Deno.test("a swarm is asked for by a flag or by the environment; of the public DHT, or of nodes of one's own", () => {
  const key = { "cluster-key": KEY };
  assert.deepEqual(load({ flags: { ...key, swarm: "true" } }).swarm, { bootstrap: null });
  assert.deepEqual(load({ flags: key, environment: { SWARM: "1" } }).swarm, { bootstrap: null });
  const environment = { SWARM: "yes", SWARM_BOOTSTRAP: "10.0.0.1:49737, dht.example:1" };
  assert.deepEqual(load({ flags: key, environment }).swarm, {
    bootstrap: [{ host: "10.0.0.1", port: 49_737 }, { host: "dht.example", port: 1 }],
  });
  assert.equal(load({ flags: key }).swarm, null);
});

Deno.test("a swarm needs a cluster key, whoever listens where", () => {
  assert.match(refusal({ flags: { swarm: "true" } }), /^--cluster-key: none is given/);
});

Deno.test("nodes of a DHT are names or IPv4 addresses with a port, and for a swarm alone", () => {
  for (const written of ["10.0.0.1", "10.0.0.1:0", "[::1]:49737", ",", "a:b"]) {
    const flags = { "cluster-key": KEY, swarm: "true", "swarm-bootstrap": written };
    assert.match(refusal({ flags }), /^--swarm-bootstrap: cannot use .*; allowed: host:port/);
  }
  const flags = { "swarm-bootstrap": "10.0.0.1:49737" };
  assert.match(refusal({ flags }), /^--swarm-bootstrap: cannot be used without a swarm/);
});

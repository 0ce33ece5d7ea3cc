import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { type Config, loadConfig } from "../../src/config/mod.ts";
import { SILENT } from "../../src/logger.ts";
import type { TcpTransport } from "../../src/net/tcp_transport.ts";
import { PeerList } from "../../src/peer/peer_list.ts";
import { ManualClock } from "../manual_clock.ts";

const SELF = "5".repeat(64);

function configOf(peers: string): Config {
  return loadConfig({
    flags: { peers, listen: "127.0.0.1:7001", http: "0", "cluster-key": "a key of sixteen." },
    environment: {},
    readFile: () => "",
    hostName: "here",
    terminal: false,
  });
}

/** A list whose handshakes the test makes. */
function manualList(peers: string) {
  const clock = new ManualClock();
  const seen = { dialled: [] as string[], expected: [] as number[], settled: false };
  const peersAt = new Map<string, string>();
  const transport = {
    self: SELF,
    ownAddresses: new Set<string>(),
    peerAt: (address: string) => peersAt.get(address) ?? null,
    discovered: (addresses: readonly string[]) => void (seen.dialled = [...addresses]),
  };
  const list = new PeerList({
    config: configOf(peers),
    transport: transport as unknown as TcpTransport,
    clock,
    logger: SILENT,
    expectChanged: ({ count }) => void seen.expected.push(count),
    settled: () => seen.settled,
  });
  const run = async (ms: number) => {
    clock.advance(ms);
    for (let turn = 0; turn < 3; turn++) await new Promise<void>((done) => setImmediate(done));
  };
  return { clock, seen, peersAt, transport, list, run };
}

Deno.test("the list is dialled, and N counts this peer where no entry leads to it", async () => {
  const { seen, list, run } = manualList("127.0.0.1:7002,127.0.0.1:7003");
  assert.equal(list.expected.count, 0, "not before it is known where the entries lead");
  list.start();
  await run(0);
  assert.deepEqual(seen.dialled, ["127.0.0.1:7002", "127.0.0.1:7003"]);
  assert.deepEqual(seen.expected, [3]);
  list.stop();
});

Deno.test("N is known better when an entry turns out to lead to this peer, or to a known one", async () => {
  const { seen, peersAt, transport, list, run } = manualList(
    "10.0.0.1:7001,10.0.0.2:7001,10.0.0.3:7001",
  );
  list.start();
  await run(200);
  assert.deepEqual(seen.expected.splice(0), [4]);
  transport.ownAddresses.add("10.0.0.1:7001");
  await run(200);
  assert.deepEqual(seen.expected, [3]);
  peersAt.set("10.0.0.2:7001", "b".repeat(64)).set("10.0.0.3:7001", "b".repeat(64));
  await run(200);
  assert.deepEqual(seen.expected, [3, 2]);
  await run(1_000);
  assert.deepEqual(seen.expected, [3, 2], "told when it changes, and then only");
  list.stop();
});

Deno.test("its own listening address is this peer from the start", async () => {
  const { seen, list, run } = manualList("127.0.0.1:7001,127.0.0.1:7002,127.0.0.1:7003");
  list.start();
  await run(0);
  assert.deepEqual(seen.expected, [3]);
  list.stop();
});

Deno.test("once the peer belongs to a cluster N is not looked at any more", async () => {
  const { seen, transport, list, run } = manualList("10.0.0.1:7001,10.0.0.2:7001");
  seen.settled = true;
  list.start();
  transport.ownAddresses.add("10.0.0.1:7001");
  await run(1_000);
  assert.deepEqual(seen.expected, []);
  list.stop();
});

Deno.test("a list that was stopped runs no timer, even if it was not begun before", async () => {
  const begun = manualList("127.0.0.1:7002");
  begun.list.start();
  await begun.run(10);
  const unbegun = manualList("127.0.0.1:7002");
  for (const { list } of [begun, unbegun]) list.stop();
  unbegun.list.start();
  for (const { clock, run } of [begun, unbegun]) {
    await run(10);
    assert.equal(clock.timers, 0);
  }
});

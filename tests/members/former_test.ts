import assert from "node:assert/strict";
import type { Logger } from "../../src/logger.ts";
import { SkeinError } from "../../src/errors.ts";
import { firstReplicasOf } from "../../src/members/first_replicas.ts";
import { Former } from "../../src/members/former.ts";
import { JOIN_METHOD } from "../../src/members/join_request.ts";
import type { FormationPlan } from "../../src/members/plan.ts";
import { createIdentity, type Identity, sign, verify } from "../../src/net/identity.ts";
import { type ConnectedPeer, type Hello, RequestError } from "../../src/net/transport.ts";
import { MemoryStorage } from "../../src/storage/memory.ts";
import { MemoryDisk } from "../../src/storage/memory_disk.ts";
import type { RecoveredGroup, StorageRecord } from "../../src/storage/storage.ts";
import { ManualClock } from "../manual_clock.ts";

/** A peer as the composition root builds one, with a network that is calls. */
class FormingPeer {
  readonly identity: Identity;
  readonly former: Former;
  readonly formed: { plan: FormationPlan; groups: readonly RecoveredGroup[] }[] = [];
  readonly joined: string[] = [];
  readonly failures: unknown[] = [];
  readonly lines: string[] = [];
  /** Groups, one for each time that this peer called for votes in it. */
  readonly campaigns: number[] = [];
  hello: Hello;

  constructor(
    readonly network: Map<string, FormingPeer>,
    readonly clock: ManualClock,
    readonly storage: MemoryStorage,
    number: number,
    expect: number,
  ) {
    this.identity = createIdentity(new Uint8Array(32).fill(number));
    this.hello = {
      name: `peer-${number}`,
      bootId: `boot-${number}`,
      addresses: [`127.0.0.1:${7_000 + number}`],
      httpUrl: "",
      zone: "",
      clusterId: null,
      expect,
      version: "0.1.0",
    };
    const logger: Logger = { log: (_level, message) => void this.lines.push(message) };
    let clusters = 0;
    this.former = new Former({
      self: this.identity.id,
      hello: this.hello,
      parameters: { partitions: 16, replicas: 3, systemVoters: 3 },
      signer: { sign: (bytes) => sign(this.identity, bytes), verify },
      makeClusterId: () => `${number}${++clusters}`.padStart(32, "0"),
      storage,
      transport: {
        request: (to, method, body) => this.#request(to, method, structuredClone(body)),
        peers: () => this.peers(),
      },
      clock,
      logger,
      onFormed: (plan, groups) => {
        this.formed.push({ plan, groups });
        this.#announce(plan.clusterId);
      },
      onCampaign: (groups) => void this.campaigns.push(...groups),
      onJoined: (clusterId) => {
        this.joined.push(clusterId);
        this.#announce(clusterId);
      },
      onFailed: (error) => void this.failures.push(error),
    });
  }

  get id(): string {
    return this.identity.id;
  }

  peers(): ConnectedPeer[] {
    return [...this.network.values()].filter((peer) => peer !== this)
      .map(({ id, hello }) => ({ id, hello }));
  }

  async start(): Promise<void> {
    const recovered = await this.storage.open();
    this.former.start(recovered.properties);
    this.network.set(this.id, this);
    for (const peer of this.network.values()) {
      if (peer === this) continue;
      peer.former.connected({ id: this.id, hello: this.hello });
      this.former.connected({ id: peer.id, hello: peer.hello });
    }
  }

  async stop(): Promise<void> {
    this.former.stop();
    this.network.delete(this.id);
    await this.storage.close();
  }

  #announce(clusterId: string): void {
    this.hello = { ...this.hello, clusterId };
    this.former.changeHello(this.hello);
    for (const peer of this.network.values()) {
      if (peer !== this) peer.former.connected({ id: this.id, hello: this.hello });
    }
  }

  async #request(to: string, method: string, body: unknown): Promise<unknown> {
    await Promise.resolve();
    const peer = this.network.get(to);
    if (peer === undefined) throw new RequestError("unreachable", `${to} is not connected`);
    return peer.answer(this.id, method, body);
  }

  answer(from: string, method: string, body: unknown): Promise<unknown> {
    if (method === JOIN_METHOD) return this.answerJoin();
    return this.former.handle(from, method, body);
  }

  /** What the cluster says to a joining peer. */
  answerJoin: () => Promise<unknown> = () => Promise.resolve(null);
}

async function peersOf(count: number, expect: number) {
  const network = new Map<string, FormingPeer>();
  const clock = new ManualClock();
  const peers: FormingPeer[] = [];
  for (let number = 1; number <= count; number++) {
    const storage = new MemoryStorage(new MemoryDisk());
    await storage.open();
    await storage.create({ storeId: "5".repeat(32), publicKey: "", secretKey: "" });
    await storage.close();
    peers.push(new FormingPeer(network, clock, storage, number, expect));
  }
  peers.sort((a, b) => a.id < b.id ? -1 : 1);
  return { network, clock, peers };
}

/** Lets everything that needs no timer happen. @throws when `done` stays false */
async function until(done: () => boolean, what: string): Promise<void> {
  for (let turn = 0; turn < 10_000 && !done(); turn++) await Promise.resolve();
  assert.ok(done(), `not without a timer: ${what}`);
}

Deno.test("five peers form and the preferred leaders campaign without a timer, over storage", async () => {
  const { peers, clock } = await peersOf(5, 5);
  for (const peer of peers) await peer.start();
  await until(() => peers.every((peer) => peer.formed.length === 1), "formed");
  const campaigns = () => peers.flatMap((peer) => peer.campaigns);
  await until(() => campaigns().length === 17, "campaigning");
  const [lowest] = peers;
  const { plan } = lowest!.formed[0]!;
  const groups = Array.from({ length: 17 }, (_, group) => group);
  for (const peer of peers) {
    const preferred = groups.filter((group) => {
      return group === 0 ? peer === lowest : firstReplicasOf(plan, group)[0] === peer.id;
    });
    assert.deepEqual(peer.campaigns.toSorted((a, b) => a - b), preferred);
    assert.deepEqual(peer.formed[0]!.plan, plan);
    assert.equal(peer.former.status().phase, "formed");
    await peer.stop();
  }
  assert.equal(clock.timers, 0, "nothing is left to wait for");
});

Deno.test("the commit and the founding replica are one batch; a restart finds both", async () => {
  const { peers, network, clock } = await peersOf(1, 1);
  const [peer] = peers;
  const appended: (readonly StorageRecord[])[] = [];
  const append = peer!.storage.append.bind(peer!.storage);
  peer!.storage.append = (records) => {
    appended.push(records);
    return append(records);
  };
  await peer!.start();
  await until(() => peer!.campaigns.length === 17, "formed");
  assert.deepEqual(
    appended.at(-1)!.map((record) => record.kind),
    ["property", ...Array.from({ length: 17 }, () => ["foundation", "hardState"]).flat()],
  );
  await peer!.stop();
  const again = new FormingPeer(network, clock, peer!.storage, 1, 1);
  await again.start();
  const status = again.former.status();
  assert.deepEqual([status.phase, status.clusterId], ["formed", peer!.formed[0]!.plan.clusterId]);
  assert.deepEqual(status.plan, peer!.formed[0]!.plan);
  assert.equal(again.formed.length, 0, "it was formed before");
  await again.stop();
  const { groups } = await peer!.storage.open();
  assert.equal(groups.length, 17);
  for (const [place, found] of groups.entries()) {
    const { group, replica, hardState, lastIndex, configuration } = found;
    assert.deepEqual({ group, replica, hardState, lastIndex }, {
      group: place,
      replica: 1,
      hardState: { term: 1, votedFor: null, commitIndex: 1 },
      lastIndex: 1,
    });
    assert.deepEqual(configuration.voters, [{ peer: again.id, replica: 1 }]);
  }
  await peer!.storage.close();
});

Deno.test("a peer that meets a formed cluster is added, and remembers to which it belongs", async () => {
  const { peers, network, clock } = await peersOf(2, 1);
  const [founder, late] = peers;
  await founder!.start();
  await until(() => founder!.formed.length === 1, "formed");
  late!.hello = { ...late!.hello, expect: 0 };
  late!.former.changeHello(late!.hello);
  await late!.start();
  await until(() => late!.joined.length === 1, "joined");
  assert.equal(late!.joined[0], founder!.formed[0]!.plan.clusterId);
  await late!.stop();
  const number = Number(late!.hello.name.slice("peer-".length));
  const again = new FormingPeer(network, clock, late!.storage, number, 0);
  await again.start();
  assert.equal(again.former.status().phase, "joined");
  assert.equal(again.former.status().clusterId, late!.joined[0]);
  await again.stop();
  await founder!.stop();
});

Deno.test("a cluster's refusal to add a peer is its status, and it asks again", async () => {
  const { peers, clock } = await peersOf(2, 1);
  const [founder, late] = peers;
  founder!.answerJoin = () =>
    Promise.reject(new RequestError("refused", "the name is another's", "CONFLICT"));
  await founder!.start();
  await until(() => founder!.formed.length === 1, "formed");
  late!.former.changeHello({ ...late!.hello, expect: 0 });
  late!.hello = { ...late!.hello, expect: 0 };
  await late!.start();
  const message = () => late!.former.status().message;
  await until(() => message().includes("the name is another's"), "refused");
  assert.ok(late!.lines.some((line) => line.includes("the name is another's")));
  founder!.answerJoin = () => Promise.resolve(null);
  for (let round = 0; round < 10 && late!.joined.length === 0; round++) {
    clock.advance(500);
    for (let turn = 0; turn < 100; turn++) await Promise.resolve();
  }
  assert.equal(late!.joined.length, 1);
  for (const peer of peers) await peer.stop();
});

Deno.test("what is no message costs its sender an error", async () => {
  const { peers } = await peersOf(1, 3);
  const [peer] = peers;
  const from = "f".repeat(64);
  const unavailable = { code: "UNAVAILABLE" };
  const accepted = { plan: { proposer: from, attempt: 1 } };
  await assert.rejects(peer!.former.handle(from, "formation.accepted", accepted), unavailable);
  await peer!.start();
  const bodies: [string, unknown][] = [
    ["formation.unheard-of", {}],
    ["formation.plan", null],
    ["formation.plan", { plan: { proposer: from } }],
    ["formation.accepted", { plan: { proposer: from, attempt: 1.5 } }],
    ["formation.accepted", { plan: { proposer: from, attempt: 0 } }],
    ["formation.abort", { plan: { proposer: from, attempt: 1 }, signature: new Uint8Array(3) }],
    ["formation.refused", { plan: { proposer: from, attempt: 1 }, reason: "", holding: 5 }],
    ["other.accepted", accepted],
  ];
  for (const [method, body] of bodies) {
    await assert.rejects(
      peer!.former.handle(from, method, body),
      (error) => error instanceof SkeinError && error.code === "BAD_REQUEST",
      method,
    );
  }
  assert.equal(await peer!.former.handle(from, "formation.accepted", accepted), null);
  await peer!.stop();
});

Deno.test("a failed write ends the former, and says so", async () => {
  const { peers } = await peersOf(1, 1);
  const [peer] = peers;
  const failure = new Error("ENOSPC");
  peer!.storage.append = () => Promise.reject(failure);
  await peer!.start();
  await until(() => peer!.failures.length === 1, "failed");
  assert.deepEqual([peer!.failures[0], peer!.formed.length], [failure, 0]);
  await peer!.stop();
});

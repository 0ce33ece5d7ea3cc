/** Values in whole groups: replicas that come by snapshot have all of them, and disks keep what lives and little more. */
import assert from "node:assert/strict";
import { RAFT_TOPIC } from "../../src/groups/outbox.ts";
import { Random } from "../../src/random.ts";
import { change, Fleet, type FleetOptions, type FleetPeer } from "./fleet.ts";

const FILE_BYTES = 2_000;
const OPTIONS: FleetOptions = {
  valueFileBytesMax: FILE_BYTES,
  timing: { snapshotEntries: 40, snapshotBytes: 40_000 },
};
/** So few entries that only bytes make snapshots. */
const BYTES_ALONE: FleetOptions = {
  ...OPTIONS,
  timing: { snapshotEntries: 1_000_000, snapshotBytes: 40_000 },
};
/** Place of the kind in a message on the wire, and that of a part of a snapshot. */
const KIND = 5;
const CHUNK = 8;

function isChunk(body: unknown): boolean {
  return (body as number[][])[0]?.[KIND] === CHUNK;
}

function bytesOf(random: Random, sizeBytes = random.integer(0, 300)): Uint8Array {
  return Uint8Array.from({ length: sizeBytes }, () => random.integer(0, 255));
}

/** Whether this leader is sending a snapshot. */
function sends(leader: FleetPeer): boolean {
  return leader.group().raft.followers().some(({ state }) => state === "snapshot");
}

async function put(fleet: Fleet, through: FleetPeer, name: string, bytes: Uint8Array) {
  await fleet.settle(through.parcel(["put", name, bytes]), 12_000);
}

/** Puts so many parcels of 200 bytes, under names of their own. */
async function fill(fleet: Fleet, count: number, prefix = "parcel"): Promise<void> {
  const leader = fleet.leader()!;
  const random = new Random(count);
  const puts = Array.from(
    { length: count },
    (_, at) => leader.parcel(["put", `${prefix} ${at}`, bytesOf(random, 200)]),
  );
  await fleet.settle(Promise.all(puts), 5_000);
}

/** Every running replica has the same parcels, each of which can be read. */
async function assertAlike(fleet: Fleet): Promise<string[]> {
  const leader = fleet.leader()!;
  const { voters, learners } = leader.group().raft.configuration;
  const replicas = fleet.running.filter(({ id }) =>
    [...voters, ...learners].some(({ peer }) => peer === id)
  );
  await fleet.until("all have applied everything", () =>
    replicas.every((peer) => {
      const group = peer.host.group(0);
      return group !== undefined && !group.restoring &&
        group.appliedIndex === leader.group().raft.lastIndex;
    }), 10_000);
  const names = await fleet.settle(leader.readParcels(), 1_000);
  for (const peer of replicas) {
    assert.deepEqual(await fleet.settle(peer.readParcels(), 1_000), names, peer.id);
    peer.group().values.checkInvariants();
  }
  fleet.check();
  return names;
}

Deno.test("a replica that comes by snapshot has all values, also after it was restarted", async () => {
  const fleet = await Fleet.led({ ...OPTIONS, peers: 4, founders: 3 });
  const fourth = fleet.peers[3]!;
  let chunks = 0;
  fleet.network.sees = ({ topic, body }) => {
    if (topic === RAFT_TOPIC && isChunk(body)) chunks++;
  };
  await fill(fleet, 60);
  await fleet.run(100);
  await change(fleet, { kind: "addLearner", peer: "p4" });
  assert.equal((await assertAlike(fleet)).length, 60);
  assert.ok(chunks > 5, `${chunks} parts`);
  fourth.crash();
  await fourth.start();
  assert.equal((await assertAlike(fleet)).length, 60);
});

Deno.test("what came from elsewhere is sent on, and goes on to be used", async () => {
  const fleet = await Fleet.led({ ...OPTIONS, peers: 4, founders: 3 });
  const [first, second, third] = fleet.peers;
  await fill(fleet, 15, "seen by all");
  await fleet.run(20);
  fleet.network.isolate("p3");
  await fill(fleet, 60);
  await fleet.run(100);
  // Entries stay in memory for a follower that lags a little; processes that begin anew have none.
  for (const peer of [first!, second!]) peer.crash();
  for (const peer of [first!, second!]) await peer.start();
  await fleet.until("somebody leads", () => fleet.leader() !== null, 6_000);
  fleet.network.heal();
  await assertAlike(fleet);
  const { snapshot } = third!.group().raft;
  const here = third!.storage.valueFilesOf(0, snapshot!)!;
  assert.ok(here.length > 3);
  assert.notDeepEqual(here, snapshot!.values.map(({ file }) => file), "numbers of its own");
  // It leads now, and what it sends is the snapshot that it got.
  const handOver = fleet.leader()!.service.transferLeadership(0, "p3", 2_000);
  await fleet.settle(handOver, 2_000);
  await fleet.until("the third peer leads", () => fleet.leader() === third, 2_000);
  await assertAlike(fleet);
  second!.crash();
  await change(fleet, { kind: "addLearner", peer: "p4" });
  assert.equal((await assertAlike(fleet)).length, 75);
  assert.deepEqual(fleet.peers[3]!.group().raft.snapshot, snapshot);
  await second!.start();
  // And each takes its own later.
  await fill(fleet, 50, "later");
  await fleet.run(200);
  assert.ok(third!.group().raft.snapshot!.index > snapshot!.index);
  assert.equal((await assertAlike(fleet)).length, 125);
});

Deno.test("a transfer goes on while the leader takes newer snapshots", async () => {
  const fleet = await Fleet.led({ ...OPTIONS, peers: 4, founders: 3 });
  await fill(fleet, 60);
  await fleet.run(100);
  let chunks = 0;
  const sent = new Set<number>();
  fleet.network.sees = ({ topic, body }) => {
    if (topic !== RAFT_TOPIC || !isChunk(body)) return;
    chunks++;
    sent.add((body as number[][][])[0]![KIND + 1]![0]!);
  };
  fleet.peers[3]!.faults.delayMinMs = 20;
  await change(fleet, { kind: "addLearner", peer: "p4" });
  await fleet.until("some parts were sent", () => chunks > 3, 1_000);
  const { index } = fleet.leader()!.group().raft.snapshot!;
  for (let at = 0; at < 60; at++) {
    await put(fleet, fleet.leader()!, `parcel ${at}`, new Uint8Array(10));
  }
  assert.ok(fleet.leader()!.group().raft.snapshot!.index > index);
  assert.equal(fleet.peers[3]!.group().raft.snapshot, null, "it is still under way");
  assert.equal((await assertAlike(fleet)).length, 60);
  assert.deepEqual([...sent], [index]);
});

Deno.test("replicas get all values under loss, restarts and changes of leader", async () => {
  let interrupted = 0;
  for (let seed = 1; seed <= 6; seed++) {
    const random = new Random(seed, 7);
    const fleet = await Fleet.led({ ...OPTIONS, peers: 5, founders: 3, seed });
    const [, , , fourth, fifth] = fleet.peers;
    await fill(fleet, 60);
    await fleet.run(100);
    for (const peer of [fourth!, fifth!]) peer.faults.delayMinMs = random.integer(0, 20);
    const loss = random.fraction() * 0.3;
    fleet.network.drops = () => random.chance(loss);
    await change(fleet, { kind: "addLearner", peer: "p4" }, { kind: "addLearner", peer: "p5" });
    for (let round = 0; round < 12; round++) {
      await fleet.run(random.integer(1, 40));
      const victim = random.pick([fleet.leader() ?? fourth!, fourth!, fifth!]);
      if (victim.up && random.chance(0.6)) {
        if (victim.host.group(0)?.leads && sends(victim)) interrupted++;
        victim.crash();
        await fleet.run(random.integer(1, 300));
        await victim.start();
      }
      await fleet.until("somebody leads", () => fleet.leader() !== null, 10_000);
      const name = `parcel ${random.integer(0, 80)}`;
      const command = random.chance(0.3)
        ? fleet.leader()!.parcel(["drop", name])
        : fleet.leader()!.parcel(["put", name, bytesOf(random)]);
      await fleet.settle(command.catch(() => {}), 12_000);
    }
    fleet.network.drops = () => false;
    await fleet.until("somebody leads", () => fleet.leader() !== null, 10_000);
    await put(fleet, fleet.leader()!, "last", bytesOf(random));
    assert.ok((await assertAlike(fleet)).includes("last"), `seed ${seed}`);
  }
  assert.ok(interrupted > 0, "a leader went in the middle of a transfer");
});

Deno.test("dead bytes alone are a reason for a snapshot, with which they go", async () => {
  const fleet = await Fleet.led(BYTES_ALONE);
  const leader = fleet.leader()!;
  await fill(fleet, 100);
  const { snapshot } = leader.group().raft;
  assert.equal(snapshot, null);
  const drops = Array.from({ length: 100 }, (_, at) => leader.parcel(["drop", `parcel ${at}`]));
  await fleet.settle(Promise.all(drops), 5_000);
  await fleet.run(100);
  const bound = BYTES_ALONE.timing!.snapshotBytes! / 4;
  for (const { valueFileBytes, id } of fleet.peers) {
    assert.ok(valueFileBytes < bound, `${id} has ${valueFileBytes} of ${bound} bytes`);
  }
  fleet.check();
});

Deno.test("a queue that goes on for ever keeps disks within what lives and a constant", async () => {
  const fleet = await Fleet.led(BYTES_ALONE);
  const leader = fleet.leader()!;
  const random = new Random(3);
  const liveMax = 20;
  let worst = 0;
  for (let at = 0; at < 1_000; at += 10) {
    const commands = Array.from({ length: 10 }, (_, step) => [
      leader.parcel(["put", `message ${at + step}`, bytesOf(random, 200)]),
      leader.parcel(["drop", `message ${at + step - liveMax}`]),
    ]);
    await fleet.settle(Promise.all(commands.flat()), 5_000);
    await fleet.run(5);
    for (const { valueFileBytes } of fleet.peers) worst = Math.max(worst, valueFileBytes);
  }
  // Twice what lives; the file at each end; a quarter of the policy's bytes; what comes until a snapshot is in force.
  const live = liveMax * 204;
  const bound = 2 * live + 2 * FILE_BYTES + BYTES_ALONE.timing!.snapshotBytes! / 4 + 10 * 204 * 2;
  assert.ok(worst <= bound, `${worst} bytes of ${bound}, where ${live} live`);
  assert.equal((await assertAlike(fleet)).length, liveMax);
});

Deno.test("few survivors in each file are rewritten, and the files go", async () => {
  const fleet = await Fleet.led(OPTIONS);
  const leader = fleet.leader()!;
  const keep = (at: number) => at % 7 === 0;
  for (let at = 0; at < 300; at++) {
    await put(fleet, leader, `parcel ${at}`, new Uint8Array(200).fill(at));
    if (!keep(at)) await fleet.settle(leader.parcel(["drop", `parcel ${at}`]), 1_000);
  }
  const live = Math.ceil(300 / 7) * 204;
  await fleet.run(2_000);
  // What was rewritten last waits for the next entries.
  await fill(fleet, 45, "tail");
  await fleet.run(500);
  const bound = 2 * (live + 45 * 204) + 2 * FILE_BYTES + 10_000;
  for (const peer of fleet.peers) {
    assert.equal(peer.group().values.sparseFile, null, peer.id);
    assert.ok(peer.valueFileBytes <= bound, `${peer.valueFileBytes} of ${bound}`);
  }
  const names = await assertAlike(fleet);
  assert.equal(names.length, Math.ceil(300 / 7) + 45);
  leader.crash();
  await leader.start();
  await fleet.until("somebody leads", () => fleet.leader() !== null, 10_000);
  await put(fleet, fleet.leader()!, "after", new Uint8Array(1));
  assert.equal((await assertAlike(fleet)).length, names.length + 1);
});

Deno.test("a damaged value stops no peer: its file stays, and is logged", async () => {
  const fleet = await Fleet.led(OPTIONS);
  const [first, second] = fleet.peers;
  await fill(fleet, 30);
  await fleet.run(50);
  const { reference } = second!.parcels.get(0)!.parcels.get("parcel 3")!;
  const file = second!.disk.valueFiles.get(`0-${reference.file}.val`)!;
  file.bytes[reference.offsetBytes + 50]! ^= 1;
  const drops = [0, 1, 2, 4, 5, 6, 7, 8].map((at) => first!.parcel(["drop", `parcel ${at}`]));
  await fleet.settle(Promise.all(drops), 1_000);
  await fleet.run(1_000);
  assert.equal(second!.errors.length, 1);
  assert.match(second!.errors[0]!, /0-\d+\.val at offset \d+/);
  await assert.rejects(second!.readParcels(), { name: "StorageCorruptError" });
  assert.ok(second!.up && second!.group().values.sparseFile === null);
  fleet.check();
});

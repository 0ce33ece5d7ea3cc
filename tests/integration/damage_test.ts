/**
 * Damage to the log of one of three peers while they are under load. A tail that a crash may have torn, wherever it is
 * cut, costs nothing: the peer starts and catches up. What was durable for certain and is not as it was
 * keeps the peer from starting, because nobody can know what else it has forgotten.
 */
import assert from "node:assert/strict";
import { DenoFileSystem } from "../../src/storage/log/deno_file_system.ts";
import { storeIdBytes } from "../../src/storage/log/identity_file.ts";
import { judgeNewest } from "../../src/storage/log/newest_segment.ts";
import { segmentNumberOf } from "../../src/storage/log/segment_header.ts";
import { LockLoad } from "./lock_load.ts";
import { skeinCommand } from "../skein_command.ts";
import { logTest } from "../tested_state.ts";
import { eventually, SkeinCluster, type SkeinProcess } from "./skein_process.ts";

const EXIT_CORRUPT = 4;
const KEPT = 20;
const FLAGS = ["--log-level", "warn"];
const WHY_LOG = "it damages files of a disk";

/** The newest segment of a peer that is down. */
interface Segment {
  readonly path: string;
  readonly attestedOffset: number;
  /** Where the last records begin and end, the last one first. */
  readonly records: readonly { readonly begin: number; readonly end: number }[];
}

async function newestSegment(peer: SkeinProcess): Promise<Segment> {
  const { directory } = peer.options;
  const fileSystem = new DenoFileSystem();
  const wal = `${directory}/wal`;
  const names = await fileSystem.list(wal);
  const numbers = names.map(segmentNumberOf).filter((number) => number !== null);
  const { storeId } = JSON.parse(await Deno.readTextFile(`${directory}/identity.json`));
  const store = storeIdBytes({ storeId, publicKey: "", secretKey: "" });
  const { segment, attestedOffset, unattested } = await judgeNewest(
    fileSystem,
    wal,
    numbers,
    store,
  );
  assert.ok(attestedOffset !== null, "something of it is attested");
  const records = [];
  for (let at = unattested.length - 2; at >= 0; at -= 2) {
    records.push({ begin: unattested[at]!, end: unattested[at + 1]! });
  }
  return { path: segment.file, attestedOffset, records };
}

async function flip(path: string, offset: number): Promise<void> {
  const bytes = await Deno.readFile(path);
  bytes[offset]! ^= 0x10;
  await Deno.writeFile(path, bytes);
}

/** Locks that were acknowledged and must be there, whatever happens to one peer. */
async function takeKept(cluster: SkeinCluster, round: number): Promise<Map<string, number>> {
  const tokens = new Map<string, number>();
  for (let number = 0; number < KEPT; number++) {
    const resource = `kept-${round}-${number}`;
    const peer = cluster.peers[number % cluster.peers.length]!;
    const { status, body } = await peer.post("/lock/acquire", { resource, owner: "a", ttl: 3_600 });
    assert.equal(status, 200, JSON.stringify(body));
    tokens.set(resource, body.fencing_token);
  }
  return tokens;
}

async function assertKept(peer: SkeinProcess, tokens: ReadonlyMap<string, number>): Promise<void> {
  // What was committed when it was asked, out of its own replica.
  const { status, body } = await peer.get("/locks");
  assert.equal(status, 200, JSON.stringify(body));
  const found = new Map<string, number>();
  for (const { resource, holders } of body.locks) found.set(resource, holders[0]?.fencing_token);
  for (const [resource, token] of tokens) assert.equal(found.get(resource), token, resource);
}

logTest(
  "a log that is torn anywhere in its last records costs nothing that was acknowledged",
  WHY_LOG,
  async () => {
    await SkeinCluster.with({ flags: FLAGS }, async (cluster) => {
      const load = new LockLoad(cluster.peers, 16);
      const kept = new Map<string, number>();
      const damages: ((segment: Segment) => Promise<void>)[] = [
        ({ path, records }) => Deno.truncate(path, records[0]!.end - 1),
        ({ path, records }) => Deno.truncate(path, records[0]!.begin + 1),
        ({ path, records }) => Deno.truncate(path, records.at(-1)!.begin - 1),
        ({ path, attestedOffset }) => Deno.truncate(path, attestedOffset + 1),
        ({ path, records }) => flip(path, records[0]!.begin),
      ];
      for (const [round, damage] of damages.entries()) {
        for (const [resource, token] of await takeKept(cluster, round)) kept.set(resource, token);
        const before = load.grants;
        const victim = cluster.peers[round % cluster.peers.length]!;
        await victim.kill();
        await eventually("the others go on", 30_000, () => {
          if (load.violation !== null) throw load.violation;
          assert.ok(load.grants > before + 20);
        });
        const segment = await newestSegment(victim);
        assert.ok(segment.records.length > 0, "its last batch is not attested");
        await damage(segment);
        victim.log.length = 0;
        victim.start();
        await cluster.ready();
        assert.ok(victim.logged(/torn tail was cut/) > 0, victim.log.join("\n"));
        await assertKept(victim, kept);
      }
      await load.stop();
      for (const peer of cluster.peers) await assertKept(peer, kept);
      console.log(
        `${damages.length} torn tails, ${load.grants} grants beside ${kept.size} kept ones`,
      );
    });
  },
);

logTest(
  "a flipped byte that was durable for certain keeps the peer from starting, and the check says the same",
  WHY_LOG,
  async () => {
    await SkeinCluster.with({ flags: FLAGS }, async (cluster) => {
      const kept = await takeKept(cluster, 0);
      const victim = cluster.peers[2]!;
      await victim.kill();
      const { path, attestedOffset } = await newestSegment(victim);
      const sound = await Deno.readFile(path);
      const offsets = [0, 70, attestedOffset >> 1, attestedOffset - 1];
      for (const offset of offsets) {
        await Deno.writeFile(path, sound);
        await flip(path, offset);
        victim.log.length = 0;
        victim.start();
        assert.equal((await victim.ended).code, EXIT_CORRUPT, `byte ${offset}`);
        const said = victim.log.find((line) => line.includes(path));
        assert.ok(said !== undefined, victim.log.join("\n"));
        const named = Number(/offset (\d+)/.exec(said)?.[1]);
        assert.ok(named <= offset && offset < attestedOffset, said);
        assert.match(victim.log.join("\n"), /with an empty data directory it joins anew/);

        const directory = victim.options.directory;
        const check = await skeinCommand(["log", "check", "--json", directory]).output();
        assert.equal(check.code, EXIT_CORRUPT);
        const report = JSON.parse(new TextDecoder().decode(check.stdout));
        assert.equal(report.success, false);
        assert.deepEqual([report.file, report.offset], [path, named], `byte ${offset}`);
      }
      await Deno.writeFile(path, sound);
      victim.start();
      await cluster.ready();
      await assertKept(victim, kept);
    });
  },
);

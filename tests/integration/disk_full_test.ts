/**
 * Disks that fail under one of three peers: a full one, as a small tmpfs (mounting it needs root), and an fsync that
 * fails, as a file system of this process. The peer stops acknowledging and says why, the others go on, nothing
 * is lost, and when the cause is gone it serves again.
 */
import assert from "node:assert/strict";
import { loadConfig } from "../../src/config/mod.ts";
import type { Logger } from "../../src/logger.ts";
import type { Peer } from "../../src/peer/peer.ts";
import { startPeer } from "../../src/peer/start_peer.ts";
import { DenoFileSystem } from "../../src/storage/log/deno_file_system.ts";
import type { FileHandle, OpenMode } from "../../src/storage/log/file_system.ts";
import { LogStorage } from "../../src/storage/log/log_storage.ts";
import { logTest } from "../tested_state.ts";
import { LockLoad } from "./lock_load.ts";
import { eventually, freePorts, SkeinCluster, type SkeinProcess } from "./skein_process.ts";

/** More than the reserve, which the peer makes only where there is room for it twice. */
const DISK_BYTES = 200 * 1024 * 1024;
const KEPT = 20;
const WHY_LOG = "it fills a disk; a full Redis has tests of its own";

/** A disk of its own for one peer. */
class SmallDisk implements AsyncDisposable {
  private constructor(readonly directory: string) {}

  /** @returns null where it cannot be mounted, after saying why */
  static async mount(): Promise<SmallDisk | null> {
    const directory = await Deno.makeTempDir({ prefix: "skein-disk-" });
    const args = ["-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "tmpfs", directory];
    const reason = await run("mount", args);
    if (reason === null) return new SmallDisk(directory);
    await Deno.remove(directory);
    console.log(`SKIPPED, no small disk can be mounted: ${reason}`);
    return null;
  }

  /** Takes all the room that there is, again and again until somebody has noticed. */
  async fill(): Promise<void> {
    using ballast = await Deno.open(this.#ballast, { create: true, append: true });
    for (let stepBytes = 1024 * 1024; stepBytes >= 1;) {
      try {
        await ballast.write(new Uint8Array(stepBytes));
      } catch {
        stepBytes = Math.floor(stepBytes / 2);
      }
    }
  }

  async empty(): Promise<void> {
    await Deno.remove(this.#ballast);
  }

  get #ballast(): string {
    return `${this.directory}/ballast`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const reason = await run("umount", [this.directory]);
    assert.equal(reason, null);
    await Deno.remove(this.directory);
  }
}

/** @returns null where it went well, else what went wrong */
async function run(command: string, args: readonly string[]): Promise<string | null> {
  try {
    const { success, stderr } = await new Deno.Command(command, { args: [...args] }).output();
    return success ? null : new TextDecoder().decode(stderr).trim();
  } catch (error) {
    return String(error);
  }
}

async function assertUnhealthy(peer: SkeinProcess, reason: RegExp): Promise<void> {
  const { status, body } = await peer.get("/health");
  assert.equal(status, 503, JSON.stringify(body));
  assert.match(body.reasons.join(), reason);
}

async function takeKept(peers: readonly SkeinProcess[]): Promise<void> {
  for (let number = 0; number < KEPT; number++) {
    const kept = { resource: `kept-${number}`, owner: "a", ttl: 3_600 };
    const { status } = await peers[number % peers.length]!.post("/lock/acquire", kept);
    assert.equal(status, 200);
  }
}

async function assertKept(peer: SkeinProcess): Promise<void> {
  for (let number = 0; number < KEPT; number++) {
    const { status, body } = await peer.get(`/lock/status?resource=kept-${number}`);
    assert.deepEqual([status, body.holders?.[0]?.owner], [200, "a"], JSON.stringify(body));
  }
}

logTest(
  "a full disk stops its peer alone, nothing is lost, and room brings it back",
  WHY_LOG,
  async () => {
    await using disk = await SmallDisk.mount();
    if (disk === null) return;
    const directoryOf = (number: number) => number === 1 ? `${disk.directory}/data` : null;
    const flags = ["--election-timeout", "0.5,1.0", "--heartbeat", "0.1"];
    await SkeinCluster.with({ directoryOf, flags }, async (cluster) => {
      const [full, ...others] = cluster.peers as [SkeinProcess, ...SkeinProcess[]];
      await takeKept(cluster.peers);
      const load = new LockLoad(cluster.peers, 8);
      const outOfRoom = async () => {
        // What the peer gives up of its reserve is taken too.
        await disk.fill();
        await assertUnhealthy(full, /the disk is full/);
      };

      await eventually("it says that its disk is full", 60_000, outOfRoom);
      const before = load.grants;
      await eventually("the others go on", 30_000, async () => {
        if (load.violation !== null) throw load.violation;
        assert.ok(load.grants > before + 50);
        assert.notEqual(await cluster.leader(others), full);
      });
      await disk.empty();
      await eventually("it serves again by itself", 30_000, async () => {
        assert.equal((await full.get("/ready")).status, 200);
      });
      await assertKept(full);

      await eventually("its disk is full once more", 60_000, outOfRoom);
      await full.kill();
      await disk.empty();
      full.start();
      await cluster.ready();
      await load.stop();
      await assertKept(full);
      console.log(`${load.grants} grants, ${load.retries} retries, two full disks: nothing lost`);
    });
  },
);

/** A disk whose fsync fails while a test wants it to. */
class FailingDisk extends DenoFileSystem {
  isFailing = false;
  /** fsyncs that were asked for and failed. */
  failed = 0;

  override async open(path: string, mode: OpenMode, ownerOnly?: boolean): Promise<FileHandle> {
    const file = await super.open(path, mode, ownerOnly);
    const sync = file.sync.bind(file);
    file.sync = () => {
      if (!this.isFailing) return sync();
      this.failed++;
      return Promise.reject(new Error("EIO: i/o error, fdatasync"));
    };
    return file;
  }
}

const LOCK = {
  mode: "exclusive",
  waitMs: 0,
  ttlMs: 600_000,
  request: null,
  signal: null,
} as const;

Deno.test("a failing fsync stops its peer alone: it acknowledges nothing, and serves when it is over", async () => {
  const directory = await Deno.makeTempDir({ prefix: "skein-fsync-" });
  const ports = freePorts(3);
  const disk = new FailingDisk();
  const peers: Peer[] = [];
  const bugs: unknown[] = [];
  try {
    await Promise.all(ports.map(async (port, at) => {
      const lines: string[] = [];
      const logger: Logger = { log: (_level, message) => void lines.push(message) };
      const flags = {
        name: `p${at}`,
        http: "1",
        listen: `127.0.0.1:${port}`,
        peers: ports.map((each) => `127.0.0.1:${each}`).join(","),
        "cluster-key": "the key of this test",
        "election-timeout": "0.3,0.6",
        heartbeat: "0.05",
      };
      const surroundings = { environment: {}, readFile: () => "", hostName: "h", terminal: false };
      const data = `${directory}/p${at}`;
      const fileSystem = at === 0 ? disk : new DenoFileSystem();
      peers[at] = await startPeer(loadConfig({ ...surroundings, flags }), {
        logger,
        storage: () => new LogStorage({ directory: data, fileSystem, logger }),
        fatal: (error) => bugs.push(error),
      });
    }));
    const [broken, second] = peers as [Peer, Peer, Peer];
    const ready = () => peers.forEach((peer) => assert.deepEqual(peer.ready().reasons, []));
    await eventually("all are ready", 20_000, ready);
    await eventually("it leads", 20_000, async () => {
      await broken.groups.transferLeadership(0, broken.id, 1_000);
      assert.equal(broken.groups.status(0)?.role, "leader");
    });
    assert.ok((await broken.locks.acquire({ ...LOCK, resource: "before", owner: "a" })).ok);

    disk.isFailing = true;
    const refused = broken.locks.acquire({ ...LOCK, resource: "during", owner: "a" });
    await assert.rejects(refused, /storage failed|not known|no leader/);
    assert.match(broken.health().reasons.join(), /the storage failed: .*EIO/);
    await eventually("the others go on", 20_000, async () => {
      assert.ok((await second.locks.acquire({ ...LOCK, resource: "others", owner: "b" })).ok);
    });
    const { failed } = disk;
    await eventually("it was opened again, in vain", 20_000, () => {
      assert.ok(disk.failed > failed);
    });
    assert.equal(broken.health().healthy, false);
    disk.isFailing = false;
    await eventually("it serves again", 20_000, ready);
    for (const [resource, owner] of [["before", "a"], ["others", "b"]] as const) {
      const view = await broken.locks.status(resource, { stale: false });
      assert.deepEqual(view?.holders.map((holder) => holder.owner), [owner], resource);
    }
    assert.deepEqual(bugs, []);
  } finally {
    await Promise.all(peers.map((peer) => peer.stop()));
    await Deno.remove(directory, { recursive: true });
  }
});

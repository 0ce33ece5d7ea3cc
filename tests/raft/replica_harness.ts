/**
 * A driver of one core for tests: storage that keeps what was persisted and forgets the rest in a crash,
 * a state machine that is the list of what was applied, snapshots that are that list's length. It
 * drives by hand (`persist` and `apply` are separate calls) or at once (`work`).
 */
import { assert } from "../../src/assert.ts";
import { decodeConfiguration, EMPTY_CONFIGURATION } from "../../src/raft/configuration.ts";
import {
  type Configuration,
  type Entry,
  entryBytes,
  type HardState,
  type PeerId,
  type Replica,
  type SnapshotMeta,
  type TermSpan,
} from "../../src/raft/entry.ts";
import type { Envelope } from "../../src/raft/message.ts";
import { Raft } from "../../src/raft/raft.ts";
import type { Persist, RaftOptions, ReadState, Ready, RecoveredLog } from "../../src/raft/ready.ts";
import { Random } from "../../src/random.ts";

export type Settings = Omit<RaftOptions, "self" | "log" | "random">;

export const SETTINGS: Settings = {
  electionTicksMin: 10,
  electionTicksMax: 20,
  heartbeatTicks: 2,
  hibernateHeartbeats: 0,
  appendBytesMax: 4096,
  inflightMessagesMax: 16,
  inflightBytesMax: 65_536,
  uncommittedBytesMax: 65_536,
  applyBytesMax: 65_536,
  logMemoryBytesMax: 65_536,
  pendingReadsMax: 64,
  snapshotChunkBytesMax: 8,
};

/** What is durable of one replica. */
export class Disk {
  hardState: HardState = { term: 0, votedFor: null, commitIndex: 0 };
  entries: Entry[] = [];
  snapshot: SnapshotMeta | null = null;
  /** Snapshot files by index, in whole. */
  readonly files = new Map<string, Uint8Array>();
  /** Incoming files that are not complete. */
  readonly partial = new Map<string, Uint8Array>();
  readonly base: Configuration;

  /** @param base the founding configuration, or the empty one */
  constructor(base: Configuration) {
    this.base = base;
    if (base.voters.length > 0) this.hardState = { term: 1, votedFor: null, commitIndex: 1 };
  }

  get lastIndex(): number {
    return this.entries.at(-1)?.index ?? this.snapshot?.index ?? (this.base.voters.length && 1);
  }

  write(persist: Persist): void {
    const { truncateFrom, entries, hardState, snapshot } = persist;
    if (truncateFrom !== null) {
      this.entries = this.entries.filter(({ index }) => index < truncateFrom);
    }
    for (const entry of entries) {
      const isNext = entry.index === this.lastIndex + 1 ||
        (this.lastIndex === 0 && entry.index === 2);
      assert(isNext, `entry ${entry.index} written behind ${this.lastIndex}`);
      this.entries.push(entry);
    }
    if (hardState !== null) this.hardState = hardState;
    if (snapshot !== null) {
      assert(this.files.has(fileOf(snapshot)), `no file of snapshot ${snapshot.index}`);
      this.snapshot = snapshot;
      this.entries = [];
    }
  }

  recover(): RecoveredLog {
    const terms: TermSpan[] = [];
    for (const { index, term } of this.entries) {
      if (terms.at(-1)?.term !== term) terms.push({ firstIndex: index, term });
    }
    return {
      hardState: this.hardState,
      snapshot: this.snapshot,
      configuration: this.snapshot?.configuration ?? this.base,
      terms,
      lastIndex: this.lastIndex,
      lastTimeMs: this.entries.at(-1)?.timeMs ?? this.snapshot?.timeMs ?? 0,
      configurationEntries: this.entries.filter(({ kind }) => kind === "configuration"),
    };
  }
}

export class ReplicaHarness {
  readonly self: Replica;
  readonly disk: Disk;
  raft: Raft;
  /** What was applied, as text, by index; a snapshot stands for all before it. */
  applied: string[] = [];
  appliedIndex = 0;
  appliedTerm = 0;
  reads: ReadState[] = [];
  readsLost: number[] = [];
  /** Writes that are handed out and not durable. */
  writes: Persist[] = [];
  /** What every Ready held, for transcripts; see `onReady`. */
  onReady: (ready: Ready) => void = () => {};
  /** As of the last entry that was applied. */
  #configuration: Configuration = EMPTY_CONFIGURATION;
  readonly #settings: Settings;
  readonly #random: Random;
  #restores: { readonly snapshot: SnapshotMeta; readonly token: number }[] = [];
  #toApply: Entry[] = [];
  /** What the disk was asked for and has not answered. */
  #reads: (() => void)[] = [];

  constructor(self: Replica, disk: Disk, settings: Settings, random: Random) {
    this.self = self;
    this.disk = disk;
    this.#settings = settings;
    this.#random = random;
    this.raft = this.#open();
  }

  /** Takes one Ready. @returns the messages to send */
  takeReady(): readonly Envelope[] {
    if (!this.raft.hasReady()) return [];
    const ready = this.raft.ready();
    this.onReady(ready);
    if (ready.persist !== null) this.writes.push(ready.persist);
    if (ready.restore !== null) {
      assert(ready.persist !== null, "a restore without its write");
      this.#restores.push({ snapshot: ready.restore, token: ready.persist.token });
      this.#toApply = [];
    }
    this.#toApply.push(...ready.committed);
    this.reads.push(...ready.reads);
    this.readsLost.push(...ready.readsLost);
    const { raft } = this;
    for (const fetch of ready.fetches) {
      const entries = this.#read(fetch);
      this.#reads.push(() => raft.fetched(fetch.id, entries));
    }
    for (const read of ready.snapshotReads) {
      const file = this.disk.files.get(fileOf(read.snapshot));
      const bytes = file?.slice(read.offsetBytes, read.offsetBytes + read.bytesMax) ?? null;
      this.#reads.push(() => raft.snapshotRead(read, bytes));
    }
    for (const part of ready.snapshotChunks) this.#reads.push(() => this.#store(part));
    return ready.messages;
  }

  /** Finishes reads from the disk, and writes of snapshot files. What was read is of when it began. */
  finishReads(count = Infinity): void {
    for (const finish of this.#reads.splice(0, Math.min(count, this.#reads.length))) finish();
  }

  /** Makes the next `count` writes durable. */
  persist(count = Infinity): void {
    const done = this.writes.splice(0, Math.min(count, this.writes.length));
    for (const write of done) this.disk.write(write);
    if (done.length > 0) this.raft.persisted(done.at(-1)!.token);
  }

  /** Applies what was committed, once what must come before it is durable. */
  apply(): void {
    const oldest = this.writes[0]?.token ?? Infinity;
    while (this.#restores.length > 0 && this.#restores[0]!.token < oldest) {
      this.#load(this.#restores.shift()!.snapshot);
    }
    if (this.#restores.length > 0 || this.#toApply.length === 0) return;
    for (const entry of this.#toApply) {
      // An empty replica that takes the log from its beginning applies entry 2 first.
      assert(entry.index === (this.appliedIndex || 1) + 1, `applied ${entry.index} out of order`);
      if (entry.kind === "command") this.applied.push(textOf(entry));
      if (entry.kind === "configuration") this.#configuration = decodeConfiguration(entry)!;
      this.appliedIndex = entry.index;
      this.appliedTerm = entry.term;
    }
    this.#toApply = [];
    this.raft.applied(this.appliedIndex);
  }

  /** Does everything at once until nothing is left. @returns the messages to send */
  work(): readonly Envelope[] {
    const messages: Envelope[] = [];
    while (this.isBusy) {
      messages.push(...this.takeReady());
      this.finishReads();
      this.persist();
      this.apply();
    }
    return messages;
  }

  get isBusy(): boolean {
    return this.raft.hasReady() || this.writes.length > 0 || this.#toApply.length > 0 ||
      this.#reads.length > 0;
  }

  /** Takes a snapshot of what is applied and durable. @returns null when there is nothing new */
  takeSnapshot(): SnapshotMeta | null {
    const index = this.appliedIndex;
    const durable = this.disk.lastIndex;
    if (index <= (this.raft.snapshot?.index ?? 1) || index > durable) return null;
    const bytes = new TextEncoder().encode(this.applied.join("\n"));
    const covered = this.disk.entries.filter((entry) => entry.index <= index);
    const entry = covered.at(-1);
    if (entry?.index !== index) return null;
    const snapshot = {
      index,
      term: entry.term,
      timeMs: entry.timeMs,
      configuration: this.#configuration,
      sizeBytes: bytes.length,
      checksum: checksumOf(bytes),
      values: [],
    };
    this.disk.files.set(fileOf(snapshot), bytes);
    this.disk.snapshot = snapshot;
    this.disk.entries = this.disk.entries.filter((kept) => kept.index > index);
    this.raft.snapshotTaken(snapshot);
    return snapshot;
  }

  /** Loses what is not durable and starts again. */
  restart(): void {
    this.writes = [];
    this.#restores = [];
    this.#toApply = [];
    this.#reads = [];
    this.raft = this.#open();
  }

  #open(): Raft {
    const { snapshot } = this.disk;
    this.applied = [];
    this.#configuration = this.disk.base;
    this.appliedIndex = this.disk.base.voters.length > 0 || this.disk.lastIndex > 0 ? 1 : 0;
    if (snapshot !== null) this.#load(snapshot, false);
    return new Raft({
      ...this.#settings,
      self: this.self,
      log: this.disk.recover(),
      random: this.#random,
    });
  }

  #load(snapshot: SnapshotMeta, tell = true): void {
    const text = new TextDecoder().decode(this.disk.files.get(fileOf(snapshot))!);
    this.applied = text === "" ? [] : text.split("\n");
    this.#configuration = snapshot.configuration;
    this.appliedIndex = snapshot.index;
    this.appliedTerm = snapshot.term;
    if (tell) this.raft.applied(snapshot.index);
  }

  #read(fetch: Ready["fetches"][number]): readonly Entry[] | null {
    const found: Entry[] = [];
    let bytes = 0;
    for (const entry of this.disk.entries) {
      if (entry.index < fetch.fromIndex || entry.index >= fetch.toIndex) continue;
      bytes += entryBytes(entry);
      if (found.length > 0 && bytes > fetch.bytesMax) break;
      found.push(entry);
    }
    return found[0]?.index === fetch.fromIndex ? found : null;
  }

  #store({ snapshot, offsetBytes, bytes }: Ready["snapshotChunks"][number]): void {
    const name = fileOf(snapshot);
    if (this.disk.files.has(name)) return this.raft.snapshotStored(snapshot, snapshot.sizeBytes);
    let stored = this.disk.partial.get(name) ?? new Uint8Array(0);
    if (offsetBytes === stored.length) stored = new Uint8Array([...stored, ...bytes]);
    this.disk.partial.set(name, stored);
    if (stored.length < snapshot.sizeBytes) {
      return this.raft.snapshotStored(snapshot, stored.length);
    }
    this.disk.partial.delete(name);
    if (checksumOf(stored) !== snapshot.checksum) return this.raft.snapshotStored(snapshot, null);
    this.disk.files.set(name, stored);
    this.raft.snapshotStored(snapshot, stored.length);
  }
}

export function founding(...peers: readonly PeerId[]): Configuration {
  const voters = peers.map((peer) => ({ peer, replica: 1 }));
  return { ...EMPTY_CONFIGURATION, index: 1, voters };
}

export function payloadOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function textOf(entry: Entry): string {
  return new TextDecoder().decode(entry.payload);
}

function fileOf({ index, term, checksum }: SnapshotMeta): string {
  return `${index}-${term}-${checksum}`;
}

/** Any function of the bytes does here. */
function checksumOf(bytes: Uint8Array): number {
  return bytes.reduce((sum, byte) => (sum * 31 + byte) >>> 0, 7);
}

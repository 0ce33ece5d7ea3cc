/**
 * What the peers of one test keep, each for itself: in memory, or where `SKEIN_TEST_REDIS` says so in Redis. It
 * outlives a peer's crash.
 */
import type { OpenedStorage } from "../../src/peer/edges.ts";
import { MemoryStorage } from "../../src/storage/memory.ts";
import { MemoryDisk } from "../../src/storage/memory_disk.ts";
import { openStore } from "../storage/redis_store.ts";
import { databaseUrl, removeState, TESTED_REDIS } from "../tested_state.ts";

export interface PeerState {
  open(): Promise<OpenedStorage>;
  /** As kill -9, where nothing uses what was opened any more: what was not synced is lost. */
  crash(): Promise<void>;
  /** What is opened next is empty. */
  erase(): Promise<void>;
}

export class PeerStates {
  /** Stands for databases in Redis. */
  readonly #directory = TESTED_REDIS === null
    ? null
    : Deno.makeTempDirSync({ prefix: "skein-peers-" });

  of(peer: string): PeerState {
    if (this.#directory === null) return new StateInMemory();
    return new StateInRedis(`${this.#directory}/${peer}`, peer);
  }

  async remove(): Promise<void> {
    if (this.#directory !== null) await Deno.remove(this.#directory);
  }
}

class StateInMemory implements PeerState {
  #disk = new MemoryDisk();

  async open(): Promise<OpenedStorage> {
    const storage = new MemoryStorage(this.#disk);
    return { storage, recovered: await storage.open() };
  }

  crash(): Promise<void> {
    this.#disk.crash({ tornTail: false });
    return Promise.resolve();
  }

  erase(): Promise<void> {
    this.#disk = new MemoryDisk();
    return Promise.resolve();
  }
}

class StateInRedis implements PeerState {
  readonly #directory: string;
  readonly #peer: string;
  #opened: OpenedStorage | null = null;

  constructor(directory: string, peer: string) {
    this.#directory = directory;
    this.#peer = peer;
  }

  async open(): Promise<OpenedStorage> {
    this.#opened = await openStore(databaseUrl(this.#directory), { peer: this.#peer });
    return this.#opened;
  }

  /** What is on its way to Redis arrives there, as it may. */
  async crash(): Promise<void> {
    await this.#opened?.storage.close();
  }

  async erase(): Promise<void> {
    await removeState(this.#directory);
  }
}

/**
 * A deterministic world of forming peers: virtual time, a network that loses, delays and reorders,
 * disks whose writes take time, and crashes at every point between an effect and its consequence. It
 * runs the production state machine; nothing here knows the protocol's rules, only its safety.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Hello } from "../../src/net/transport.ts";
import { Random } from "../../src/random.ts";
import { Formation } from "../../src/members/formation.ts";
import type { FormationEffect } from "../../src/members/formation_effect.ts";
import {
  type FormationMessage,
  parseFormationMessage,
} from "../../src/members/formation_message.ts";
import {
  clusterOf,
  decodeFormationRecord,
  EMPTY_RECORD,
  encodeFormationRecord,
  type FormationRecord,
} from "../../src/members/formation_record.ts";
import type { Signer } from "../../src/members/plan.ts";

/** What goes wrong, as probabilities; all zero is a sound world. */
export interface Faults {
  readonly loss: number;
  readonly delayMsMax: number;
  readonly writeMsMax: number;
  /** At each event. */
  readonly crash: number;
  readonly restartMsMax: number;
  /** At each event: a pair loses, or finds, its connection. */
  readonly flap: number;
}

export const NO_FAULTS: Faults = {
  loss: 0,
  delayMsMax: 1,
  writeMsMax: 1,
  crash: 0,
  restartMsMax: 0,
  flap: 0,
};

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

export class WorldPeer {
  readonly id: string;
  readonly name: string;
  expect: number;
  /** What the disk has. */
  disk: Uint8Array | undefined = undefined;
  formation: Formation | null = null;
  /** New at every start: what an earlier process was about to do is void. */
  boot = 0;
  campaigned = 0;
  writes = 0;
  joined = false;
  readonly logs: string[] = [];

  constructor(number: number, expect: number) {
    this.id = number.toString(16).padStart(2, "0").repeat(32);
    this.name = `peer-${number}`;
    this.expect = expect;
  }

  get record(): FormationRecord {
    return decodeFormationRecord(this.disk);
  }

  get clusterId(): string | null {
    return clusterOf(this.formation?.record ?? EMPTY_RECORD);
  }
}

/** Signatures that only their owner's name can make: enough where nobody forges. */
export function worldSigner(self: string): Signer {
  const signatureOf = (signer: string, bytes: Uint8Array) =>
    new Uint8Array(createHash("sha512").update(signer).update(bytes).digest());
  return {
    sign: (bytes) => signatureOf(self, bytes),
    verify: (signer, bytes, signature) =>
      signatureOf(signer, bytes).every((byte, index) => byte === signature[index]),
  };
}

export class World {
  readonly random: Random;
  readonly peers: WorldPeer[] = [];
  faults: Faults;
  nowMs = 0;
  /** Every plan that any peer ever had as committed on its disk. */
  readonly committed = new Map<string, string>();
  /** Called after each durable write; a test crashes somebody here. */
  onWrite: (peer: WorldPeer, stage: "before" | "after") => void = () => {};
  /** False: the message is lost. */
  deliver: (from: WorldPeer, to: WorldPeer, message: FormationMessage) => boolean = () => true;
  readonly #cut = new Set<string>();
  readonly #events: Event[] = [];
  #order = 0;
  #clusterIds = 0;

  constructor(seed: number, faults: Faults = NO_FAULTS) {
    this.random = new Random(seed);
    this.faults = faults;
  }

  add(expect: number): WorldPeer {
    const peer = new WorldPeer(this.peers.length + 1, expect);
    this.peers.push(peer);
    return peer;
  }

  start(peer: WorldPeer): void {
    assert.equal(peer.formation, null, "it runs already");
    peer.boot++;
    const record = peer.record;
    peer.formation = new Formation({
      self: peer.id,
      hello: this.hello(peer),
      parameters: { partitions: 16, replicas: 3, systemVoters: 3 },
      signer: worldSigner(peer.id),
      makeClusterId: () => (++this.#clusterIds).toString(16).padStart(32, "0"),
      record,
    });
    this.#input(peer, (formation) => formation.start(this.nowMs));
    for (const other of this.peers) if (this.connected(peer, other)) this.#meet(peer, other);
    this.#tick(peer, peer.boot);
  }

  crash(peer: WorldPeer): void {
    peer.formation = null;
    for (const other of this.peers) {
      if (other !== peer) this.#input(other, (formation) => formation.left(peer.id, this.nowMs));
    }
  }

  cut(a: WorldPeer, b: WorldPeer): void {
    this.#cut.add(pair(a, b));
    this.#input(a, (formation) => formation.left(b.id, this.nowMs));
    this.#input(b, (formation) => formation.left(a.id, this.nowMs));
  }

  /** Ends every fault: all are connected, all that are up stay so. */
  heal(): void {
    this.faults = NO_FAULTS;
    this.deliver = () => true;
    this.#cut.clear();
    for (const peer of this.peers) if (peer.formation === null) this.start(peer);
    for (const a of this.peers) {
      for (const b of this.peers) if (a.id < b.id) this.#meet(a, b);
    }
  }

  connected(a: WorldPeer, b: WorldPeer): boolean {
    return a !== b && a.formation !== null && b.formation !== null && !this.#cut.has(pair(a, b));
  }

  /** Runs until `done`, at most `forMs`. @returns whether it was done */
  run(forMs: number, done: () => boolean): boolean {
    const endMs = this.nowMs + forMs;
    while (!done()) {
      const event = this.#next(endMs);
      if (event === null) return false;
      this.nowMs = event.atMs;
      event.run();
      this.#misbehave();
      this.check();
    }
    return true;
  }

  /** Any two clusters among the peers would be two plans here. */
  check(): void {
    for (const peer of this.peers) {
      peer.formation?.checkInvariants();
      const { state } = peer.record;
      if (state.kind !== "formed") continue;
      this.committed.set(state.plan.clusterId, JSON.stringify(state.plan));
      assert.equal(
        this.committed.get(state.plan.clusterId),
        JSON.stringify(state.plan),
        "one cluster id, one plan",
      );
    }
    assert.ok(this.committed.size <= 1, `two clusters: ${[...this.committed.values()].join("\n")}`);
  }

  hello(peer: WorldPeer): Hello {
    return {
      name: peer.name,
      bootId: `boot-${peer.boot}`,
      addresses: [`127.0.0.1:${peer.name}`],
      httpUrl: "",
      zone: "",
      clusterId: peer.clusterId,
      expect: peer.expect,
      version: "0.1.0",
    };
  }

  /** Something changed in what `peer` says of itself. */
  announce(peer: WorldPeer): void {
    for (const other of this.peers) if (this.connected(peer, other)) this.#meet(peer, other);
  }

  /** @param delayMs from now */
  at(delayMs: number, run: () => void): void {
    this.#events.push({ atMs: this.nowMs + delayMs, order: this.#order++, run });
  }

  #next(endMs: number): Event | null {
    let first = -1;
    for (let index = 0; index < this.#events.length; index++) {
      const event = this.#events[index]!;
      const best = this.#events[first];
      if (
        best === undefined || event.atMs < best.atMs ||
        (event.atMs === best.atMs && event.order < best.order)
      ) first = index;
    }
    if (first < 0 || this.#events[first]!.atMs > endMs) return null;
    return this.#events.splice(first, 1)[0]!;
  }

  #misbehave(): void {
    const { crash, restartMsMax, flap } = this.faults;
    if (crash > 0 && this.random.chance(crash)) {
      const peer = this.random.pick(this.peers);
      if (peer.formation !== null) this.crash(peer);
      this.at(this.random.integer(0, restartMsMax), () => {
        if (peer.formation === null) this.start(peer);
      });
    }
    if (flap > 0 && this.random.chance(flap)) {
      const [a, b] = [this.random.pick(this.peers), this.random.pick(this.peers)];
      if (a === b) return;
      if (this.#cut.delete(pair(a, b))) {
        if (this.connected(a, b)) this.#meet(a, b);
      } else this.cut(a, b);
    }
  }

  #meet(a: WorldPeer, b: WorldPeer): void {
    this.#input(a, (formation) => formation.met(b.id, this.hello(b), this.nowMs));
    this.#input(b, (formation) => formation.met(a.id, this.hello(a), this.nowMs));
  }

  #tick(peer: WorldPeer, boot: number): void {
    this.at(500, () => {
      if (peer.boot !== boot || peer.formation === null) return;
      this.#input(peer, (formation) => formation.tick(this.nowMs));
      this.#tick(peer, boot);
    });
  }

  #input(peer: WorldPeer, call: (formation: Formation) => readonly FormationEffect[]): void {
    if (peer.formation === null) return;
    const { boot } = peer;
    for (const effect of call(peer.formation)) {
      if (peer.boot === boot && peer.formation !== null) this.#perform(peer, effect);
    }
  }

  #perform(peer: WorldPeer, effect: FormationEffect): void {
    switch (effect.kind) {
      case "makeDurable":
      case "commit":
        return this.#write(peer, encodeFormationRecord(effect.record));
      case "send":
        return this.#send(peer, effect.to, effect.message);
      case "formed":
        return this.announce(peer);
      case "campaign":
        if (effect.groups.includes(0)) peer.campaigned++;
        return;
      case "join":
        return this.#join(peer, effect.through);
      case "joined":
        peer.joined = true;
        return this.announce(peer);
      case "log":
        peer.logs.push(effect.message);
    }
  }

  #write(peer: WorldPeer, bytes: Uint8Array): void {
    const { boot } = peer;
    peer.writes++;
    this.at(this.random.fraction() * this.faults.writeMsMax, () => {
      if (peer.boot !== boot || peer.formation === null) return;
      this.onWrite(peer, "before");
      if (peer.formation === null) return;
      peer.disk = bytes;
      this.onWrite(peer, "after");
      this.#input(peer, (formation) => formation.durable(this.nowMs));
    });
  }

  #send(from: WorldPeer, toId: string, message: FormationMessage): void {
    const to = this.peers.find((peer) => peer.id === toId)!;
    if (this.random.chance(this.faults.loss) || !this.deliver(from, to, message)) return;
    const { kind, ...body } = structuredClone(message);
    this.at(this.random.fraction() * this.faults.delayMsMax, () => {
      if (!this.connected(from, to)) return;
      const parsed = parseFormationMessage(kind, body);
      assert.ok(parsed !== null, `not parsed: ${kind}`);
      this.#input(to, (formation) => formation.received(from.id, parsed, this.nowMs));
    });
  }

  #join(peer: WorldPeer, throughId: string): void {
    const { boot } = peer;
    const through = this.peers.find((other) => other.id === throughId)!;
    this.at(this.random.fraction() * this.faults.delayMsMax, () => {
      const ok = this.connected(peer, through) && !this.random.chance(this.faults.loss);
      if (peer.boot !== boot) return;
      this.#input(
        peer,
        (formation) => formation.joinAnswered(ok ? { ok } : { ok, message: null }, this.nowMs),
      );
    });
  }
}

function pair(a: WorldPeer, b: WorldPeer): string {
  return a.id < b.id ? `${a.id} ${b.id}` : `${b.id} ${a.id}`;
}

/**
 * What lives from one opening of the storage to the next: the host of the groups, the services on them,
 * and the forming of the cluster. When the storage fails the whole generation ends: what it held in
 * memory may be ahead of the disk, so nothing of it is used again; the peer opens the storage as at
 * start and builds the next one, under a new boot id.
 */
import { SkeinError } from "../errors.ts";
import type { Group } from "../groups/group.ts";
import { GroupMachine } from "../groups/group_machine.ts";
import { GroupService } from "../groups/group_service.ts";
import { Host } from "../groups/host.ts";
import type { Values } from "../groups/values.ts";
import { FORMATION_METHOD_PREFIX, Former } from "../members/former.ts";
import { JOIN_METHOD } from "../members/join_request.ts";
import { isPeerId } from "../members/member_info.ts";
import type { FormationPlan } from "../members/plan.ts";
import type { LivenessSource } from "../members/service.ts";
import { foundAgain } from "../members/foundation.ts";
import type { ConnectedPeer, Hello } from "../net/transport.ts";
import { LOOK_METHOD, Reporter } from "../placement/reporter.ts";
import type { PeerId } from "../raft/entry.ts";
import { type RecoveredGroup, StorageFailedError } from "../storage/storage.ts";
import { CatchingUp } from "./catching_up.ts";
import type { OpenedStorage, PeerEdges } from "./edges.ts";
import { PartitionServices } from "./partition_services.ts";
import { Partitions } from "./partitions.ts";
import { makeSystemMachines, REMOVAL_METHOD, System, type SystemMachines } from "./system.ts";

/** Groups that are named one by one where they have no leader. */
const NAMED_MAX = 8;

export interface GenerationEvents {
  /** The storage failed; the generation has ended. */
  failed(error: StorageFailedError): void;
  /** A bug; the generation has ended. */
  fatal(error: unknown): void;
  /** This peer was removed from its cluster for good. */
  removed(): void;
}

export class Generation {
  readonly bootId: string;
  readonly storage: OpenedStorage["storage"];
  readonly host: Host;
  readonly groups: GroupService;
  readonly partitions: Partitions;
  readonly services: PartitionServices;
  readonly former: Former;
  /** Tells the placement driver what this peer leads, and hears where the partitions are. */
  readonly placement: Reporter;
  readonly #edges: PeerEdges;
  readonly #events: GenerationEvents;
  readonly #opened: OpenedStorage;
  readonly #liveness: LivenessSource;
  #hello: Hello;
  #system: System | null = null;
  #systemMachines: SystemMachines | null = null;
  #ended: SkeinError | null = null;
  /** How many there are, which never changes. */
  #partitionsKnown: number | null = null;
  #removed = false;
  #stopping = false;
  readonly #catchingUp: CatchingUp;

  constructor(
    edges: PeerEdges,
    opened: OpenedStorage,
    liveness: LivenessSource,
    events: GenerationEvents,
  ) {
    this.#edges = edges;
    this.#events = events;
    this.#opened = opened;
    this.#liveness = liveness;
    this.bootId = edges.makeBootId();
    this.storage = opened.storage;
    this.#hello = this.#firstHello(edges.expect);
    this.host = this.#makeHost();
    this.groups = new GroupService({
      ...this.#groupEdges(),
      host: this.host,
      leaderWaitMs: 2 * edges.timing.electionTimeoutMaxMs,
      candidates: (group) => this.wanted(group),
      ended: () => this.#ended,
    });
    this.#catchingUp = new CatchingUp({
      barrier: (group, timeoutMs) => this.groups.readBarrier(group, timeoutMs),
      isHere: (group) => this.#ended === null && this.host.group(group.id) === group,
      fatal: (error) => events.fatal(error),
    });
    this.partitions = new Partitions();
    this.services = new PartitionServices({
      peer: edges,
      bootId: this.bootId,
      groups: this.groups,
      partitions: this.partitions,
      count: () => this.#partitionCount(),
      clusterId: () => this.former.status().clusterId,
    });
    this.former = this.#makeFormer();
    this.placement = new Reporter({
      self: edges.self,
      groups: this.groups,
      nowMs: () => edges.clock.monotonicMs(),
      wanted: () => this.#system?.wanted() ?? null,
      steady: () => !this.#stopping,
    });
    this.groups.answer(REMOVAL_METHOD, (_group, body) => this.#checkRemoval(body));
  }

  /** @throws {SkeinError} UNAVAILABLE while it is not known here */
  #partitionCount(): number {
    this.#partitionsKnown ??= this.#system?.members.wanted()?.placements.length ?? null;
    if (this.#partitionsKnown !== null) return this.#partitionsKnown;
    throw new SkeinError("UNAVAILABLE", "this peer does not know its cluster's partitions yet");
  }

  /** Where the ring wants a partition, as far as this peer knows; it wants nothing of group 0. */
  wanted(group: number): readonly PeerId[] {
    const placement = this.#system?.members.wanted()?.placements[group - 1];
    return placement?.replicas.map(({ id }) => id) ?? [];
  }

  #groupEdges() {
    const { self, clock, random, transport } = this.#edges;
    return { self, bootId: this.bootId, clock, random, transport };
  }

  #firstHello(expect: number): Hello {
    const { name, addresses, httpUrl, zone, version, cacheFront = "" } = this.#edges;
    const of = { name, bootId: this.bootId, addresses, httpUrl, zone, version, cacheFront };
    return { ...of, clusterId: null, expect };
  }

  #makeHost(): Host {
    return new Host({
      ...this.#groupEdges(),
      storage: this.storage,
      logger: this.#edges.logger,
      machineOf: (group, values) => this.#machineOf(group, values),
      added: (group) => this.#groupAdded(group),
      failed: (error) => this.#fail(error),
      fatal: (error) => this.#events.fatal(error),
      removed: (group) => this.#groupRemoved(group),
    }, this.#edges.timing);
  }

  #makeFormer(): Former {
    const { self, parameters, signer, makeClusterId, transport, clock, logger } = this.#edges;
    return new Former({
      self,
      hello: this.#hello,
      parameters,
      signer,
      makeClusterId,
      storage: this.storage,
      transport,
      clock,
      logger,
      onFormed: (plan, groups) => this.#formed(plan, groups),
      onCampaign: (groups) => groups.forEach((group) => this.#campaign(group)),
      onJoined: (clusterId) => this.#belongsTo(clusterId),
      onFailed: (error) => {
        if (error instanceof StorageFailedError) this.#fail(error);
        else this.#events.fatal(error);
      },
    });
  }

  /** Brings back what the storage held, and begins to form or join where there was nothing. */
  async start(): Promise<void> {
    void this.storage.failed?.then((error) => this.#fail(error));
    const { properties } = this.#opened.recovered;
    this.former.start(properties);
    const { plan } = this.former.status();
    const recovered = await foundAgain(plan, this.#edges.self, this.#opened);
    await this.host.start(recovered);
    if (this.#ended !== null) return;
    const { clusterId } = this.former.status();
    if (clusterId === null) this.#edges.transport.announce(this.#hello);
    else this.#belongsTo(clusterId);
    // Nobody tells a peer twice: what is left of group 0 here says that it was removed.
    const removed = recovered.tombstones.has(0) && this.host.group(0) === undefined;
    if (removed) this.#wasRemoved();
  }

  get system(): System | null {
    return this.#system;
  }

  /** Why this generation answers nobody any more; null while it does. */
  get ended(): SkeinError | null {
    return this.#ended;
  }

  /** Another N: see `members/expect.ts`. */
  changeExpect(expect: number): void {
    if (this.#hello.expect === expect || this.#ended !== null) return;
    this.#changeHello({ ...this.#hello, expect });
  }

  #changeHello(hello: Hello): void {
    this.#hello = hello;
    this.#edges.transport.announce(hello);
    this.former.changeHello(hello);
  }

  #machineOf(group: number, values: Values): GroupMachine {
    if (group !== 0) return this.partitions.machineOf(group, values);
    const machines = makeSystemMachines(this.former.status().plan);
    this.#systemMachines = machines;
    return new GroupMachine(group, [machines.members, machines.locks]);
  }

  #groupAdded(group: Group): void {
    if (this.#ended !== null) return;
    this.groups.attach(group.id);
    this.#catchingUp.begin(group);
    if (group.id !== 0) {
      this.partitions.added(group);
      this.placement.attach(group.id);
      this.services.attach(group.id);
      return;
    }
    this.#removed = false;
    this.#startSystem();
  }

  #startSystem(): void {
    const machines = this.#systemMachines;
    if (machines === null) return;
    this.#system?.stop(new SkeinError("UNAVAILABLE", "this peer's replica is being replaced"));
    this.#system = new System(
      this.#edges,
      this.bootId,
      this.groups,
      machines,
      this.#liveness,
      this.placement,
    );
    const { clusterId } = this.former.status();
    if (clusterId !== null) this.#system.register(clusterId, this.#hello);
  }

  #groupRemoved(group: number): void {
    if (group !== 0) {
      this.placement.detach(group);
      this.partitions.removed(group);
      return this.services.detach(group);
    }
    this.#system?.stop(new SkeinError("UNAVAILABLE", "this peer was removed from its cluster"));
    this.#system = null;
    this.#wasRemoved();
  }

  #wasRemoved(): void {
    this.#removed = true;
    this.#events.removed();
  }

  /** The plan and its groups are durable here: they begin. */
  #formed(plan: FormationPlan, groups: readonly RecoveredGroup[]): void {
    for (const group of groups) this.host.found(group, false);
    this.#belongsTo(plan.clusterId);
  }

  #campaign(id: number): void {
    const group = this.host.group(id);
    if (group === undefined || group.raft.leader !== null) return;
    group.raft.campaign(true);
    this.host.changed(group);
  }

  #belongsTo(clusterId: string): void {
    this.#changeHello({ ...this.#hello, clusterId });
    this.#system?.register(clusterId, this.#hello);
  }

  // ---- what arrives

  message(from: PeerId, topic: string, body: unknown): void {
    if (this.#ended !== null || this.former.isForeign(from)) return;
    if (!this.services.receive(from, topic, body)) this.host.receive(from, topic, body);
  }

  request(from: PeerId, method: string, body: unknown): Promise<unknown> {
    if (this.#ended !== null) return Promise.reject(this.#ended);
    if (method.startsWith(FORMATION_METHOD_PREFIX)) return this.former.handle(from, method, body);
    if (this.former.isForeign(from)) {
      const error = new SkeinError("FORBIDDEN", "the peer belongs to another cluster");
      return Promise.reject(error);
    }
    if (method === JOIN_METHOD) {
      return this.#system?.members.admit(from, body) ??
        Promise.reject(new SkeinError("UNAVAILABLE", "this peer has no members to ask"));
    }
    if (method === LOOK_METHOD) return this.placement.answer(body);
    return this.groups.handle(method, body) ??
      Promise.reject(new SkeinError("BAD_REQUEST", `no method ${method}`));
  }

  async #checkRemoval(body: unknown): Promise<null> {
    const [peer] = Array.isArray(body) ? body : [];
    if (!isPeerId(peer)) throw new SkeinError("BAD_REQUEST", "no member to remove");
    if (this.#system === null) throw new SkeinError("UNAVAILABLE", "this peer has no members");
    await this.#system.checkRemoval(peer);
    return null;
  }

  connected(peer: ConnectedPeer): void {
    if (this.#ended !== null) return;
    this.host.peerConnected(peer.id);
    this.former.connected(peer);
  }

  updated(peer: ConnectedPeer): void {
    if (this.#ended === null) this.former.connected(peer);
  }

  disconnected(peer: PeerId): void {
    if (this.#ended !== null) return;
    this.former.disconnected(peer);
    this.groups.disconnected();
  }

  // ---- what it says of itself

  /** One sentence each; none where storage is sound and each group here knows a leader. */
  unhealthyReasons(): string[] {
    if (this.#ended !== null) return [this.#ended.message];
    if (this.#removed) {
      return ["this peer was removed from its cluster: an empty data directory lets it join anew"];
    }
    const status = this.former.status();
    if (status.clusterId === null) return [status.message];
    if (this.host.group(0) === undefined) {
      return ["this peer has no replica of the system group yet"];
    }
    const leaderless = [...this.host.groups()].filter(({ raft }) => raft.leader === null);
    const reasons = leaderless.slice(0, NAMED_MAX).map(({ id }) => `group ${id} has no leader`);
    const unnamed = leaderless.length - reasons.length;
    return unnamed === 0 ? reasons : [...reasons, `${unnamed} more groups have no leader`];
  }

  /** Whether every replica here has applied all that was committed when it came to be, or was brought back. */
  get caughtUp(): boolean {
    return this.#catchingUp.isDone;
  }

  // ---- the end

  /** The peer is about to stop: it is not to be given leadership any more. */
  beginStop(): void {
    this.#stopping = true;
  }

  #fail(error: StorageFailedError): void {
    if (this.#ended !== null) return;
    this.end(new SkeinError("STORAGE_FAILED", `the storage failed: ${error.message}`));
    this.#events.failed(error);
  }

  /** Answers everybody with `reason` and does nothing more. Idempotent. */
  end(reason: SkeinError): void {
    if (this.#ended !== null) return;
    this.#ended = reason;
    this.#system?.stop(reason);
    this.services.close(reason);
    this.former.stop();
    this.host.halt();
    this.groups.close();
  }
}

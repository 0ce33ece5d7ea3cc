/**
 * Runs `Formation` against a real storage, transport and clock: carries out its effects in order and
 * brings it what happens. It decides nothing itself. Messages travel as requests `formation.<kind>`
 * whose answer means only that they arrived; what is lost, the state machine asks for again.
 */
import { unreachable } from "../assert.ts";
import type { Clock, Timer } from "../clock.ts";
import { SkeinError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { type ConnectedPeer, type Hello, RequestError, type Transport } from "../net/transport.ts";
import type { PeerId } from "../raft/entry.ts";
import type { RecoveredGroup, Storage, StorageRecord } from "../storage/storage.ts";
import { Formation } from "./formation.ts";
import { RESEND_MS } from "./formation_context.ts";
import type { FormationEffect, JoinAnswer } from "./formation_effect.ts";
import { parseFormationMessage } from "./formation_message.ts";
import {
  clusterOf,
  decodeFormationRecord,
  encodeFormationRecord,
  FORMATION_PROPERTY,
  type FormationRecord,
} from "./formation_record.ts";
import { foundationRecords, foundedGroups } from "./foundation.ts";
import { JOIN_METHOD, joinRequest } from "./join_request.ts";
import type { ClusterParameters, FormationPlan, Signer } from "./plan.ts";

/** What a request of this prefix names behind it is the kind of a formation message. */
export const FORMATION_METHOD_PREFIX = "formation.";

const MESSAGE_TIMEOUT_MS = 2_000;
const JOIN_TIMEOUT_MS = 10_000;

export interface FormerOptions {
  readonly self: PeerId;
  readonly hello: Hello;
  readonly parameters: ClusterParameters;
  readonly signer: Signer;
  /** 16 random bytes in hex, new at each call. */
  readonly makeClusterId: () => string;
  readonly storage: Pick<Storage, "append">;
  readonly transport: Pick<Transport, "request" | "peers">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The plan and the groups that it founds here are durable: begin them, and announce the cluster. */
  readonly onFormed: (plan: FormationPlan, groups: readonly RecoveredGroup[]) => void;
  /** Follows `onFormed` at these groups' preferred leader once majorities of their voters have begun: campaign. */
  readonly onCampaign: (groups: readonly number[]) => void;
  /** The cluster has added this peer: announce it, and wait for replicas. */
  readonly onJoined: (clusterId: string) => void;
  /** A write failed, and with it this former: the peer opens its storage and builds another. */
  readonly onFailed: (error: unknown) => void;
}

export interface FormerStatus {
  readonly phase: FormationRecord["state"]["kind"];
  /** The cluster that this peer belongs to; null while there is none. */
  readonly clusterId: string | null;
  /** The plan that this peer founded its cluster on; null for one that joined. */
  readonly plan: FormationPlan | null;
  /** One line for /health and the log. */
  readonly message: string;
}

export class Former {
  readonly #options: FormerOptions;
  #formation: Formation | null = null;
  #hello: Hello;
  readonly #effects: FormationEffect[] = [];
  #carryingOut = false;
  #timer: Timer | null = null;
  #stopped = false;

  constructor(options: FormerOptions) {
    this.#options = options;
    this.#hello = options.hello;
  }

  /**
   * Begins, or resumes where a crash cut off. A peer that is formed or joined already is so in `status`
   * afterwards; `onFormed` and `onJoined` tell only what happens from now on.
   * @param properties what opening the storage found
   */
  start(properties: ReadonlyMap<string, Uint8Array>): void {
    const { self, parameters, signer, makeClusterId, transport } = this.#options;
    const record = decodeFormationRecord(properties.get(FORMATION_PROPERTY));
    const hello = this.#hello;
    const formation = new Formation({ self, hello, parameters, signer, makeClusterId, record });
    this.#formation = formation;
    this.#carryOut(formation.start(this.#nowMs()));
    for (const peer of transport.peers()) this.connected(peer);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  status(): FormerStatus {
    const formation = this.#formation;
    if (formation === null) {
      return { phase: "empty", clusterId: null, plan: null, message: "not started" };
    }
    const { record } = formation;
    return {
      phase: record.state.kind,
      clusterId: clusterOf(record),
      plan: record.state.kind === "formed" ? record.state.plan : null,
      message: formation.statusLine(),
    };
  }

  /** Whether a connected peer belongs to another cluster: nothing it says concerns this one. */
  isForeign(peer: PeerId): boolean {
    return this.#formation?.isForeign(peer) ?? false;
  }

  /**
   * @param method `formation.<kind>`
   * @returns null: that the message arrived
   * @throws {SkeinError} by rejection: BAD_REQUEST, or UNAVAILABLE before `start` and after `stop`
   */
  handle(from: PeerId, method: string, body: unknown): Promise<null> {
    const message = parseFormationMessage(method.slice(FORMATION_METHOD_PREFIX.length), body);
    if (!method.startsWith(FORMATION_METHOD_PREFIX) || message === null) {
      return Promise.reject(new SkeinError("BAD_REQUEST", `no formation message: ${method}`));
    }
    if (this.#formation === null || this.#stopped) {
      return Promise.reject(new SkeinError("UNAVAILABLE", "this peer is not forming a cluster"));
    }
    this.#input((formation, nowMs) => formation.received(from, message, nowMs));
    return Promise.resolve(null);
  }

  /** A peer is connected, or said something new about itself. */
  connected(peer: ConnectedPeer): void {
    if (peer.id === this.#options.self) return;
    this.#input((formation, nowMs) => formation.met(peer.id, peer.hello, nowMs));
  }

  disconnected(peer: PeerId): void {
    this.#input((formation, nowMs) => formation.left(peer, nowMs));
  }

  /** This peer says something new about itself, e.g. another N (see `expect.ts`). */
  changeHello(hello: Hello): void {
    this.#hello = hello;
    this.#input((formation, nowMs) => formation.changeHello(hello, nowMs));
  }

  #input(call: (formation: Formation, nowMs: number) => readonly FormationEffect[]): void {
    if (this.#formation === null || this.#stopped) return;
    this.#carryOut(call(this.#formation, this.#nowMs()));
  }

  /** In order, also where carrying one out brings the next input at once. */
  #carryOut(effects: readonly FormationEffect[]): void {
    this.#effects.push(...effects);
    if (this.#carryingOut) return;
    this.#carryingOut = true;
    try {
      for (let next = this.#effects.shift(); next !== undefined; next = this.#effects.shift()) {
        this.#perform(next);
      }
    } finally {
      this.#carryingOut = false;
    }
    this.#schedule();
  }

  #perform(effect: FormationEffect): void {
    const { self, logger } = this.#options;
    switch (effect.kind) {
      case "makeDurable":
        return this.#write(effect.record, []);
      case "commit":
        return this.#write(effect.record, foundationRecords(foundedGroups(effect.plan, self)));
      case "send":
        return this.#send(effect.to, effect.message);
      case "formed":
        return this.#options.onFormed(effect.plan, foundedGroups(effect.plan, self));
      case "campaign":
        return this.#options.onCampaign(effect.groups);
      case "join":
        return this.#join(effect.through, effect.clusterId);
      case "joined":
        return this.#options.onJoined(effect.clusterId);
      case "log":
        return logger.log(effect.level, effect.message);
      default:
        unreachable(effect);
    }
  }

  #write(record: FormationRecord, more: readonly StorageRecord[]): void {
    const value = encodeFormationRecord(record);
    const property = { kind: "property", name: FORMATION_PROPERTY, value } as const;
    this.#options.storage.append([property, ...more]).then(
      () => this.#input((formation, nowMs) => formation.durable(nowMs)),
      (error: unknown) => {
        this.stop();
        this.#options.onFailed(error);
      },
    );
  }

  #send(to: PeerId, message: { readonly kind: string }): void {
    const { kind, ...body } = message;
    const method = FORMATION_METHOD_PREFIX + kind;
    this.#options.transport.request(to, method, body, MESSAGE_TIMEOUT_MS).catch(
      (error: unknown) => this.#logUndelivered(method, to, error),
    );
  }

  #logUndelivered(method: string, to: PeerId, error: unknown): void {
    if (!(error instanceof RequestError)) throw error;
    this.#options.logger.log("debug", `${method} did not arrive: ${error.message}`, { peer: to });
  }

  #join(through: PeerId, clusterId: string): void {
    const { self, transport } = this.#options;
    const request = joinRequest(clusterId, { id: self, hello: this.#hello });
    transport.request(through, JOIN_METHOD, request, JOIN_TIMEOUT_MS).then(
      (): JoinAnswer => ({ ok: true }),
      (error: unknown): JoinAnswer => {
        if (!(error instanceof RequestError)) throw error;
        return { ok: false, message: error.code === "CONFLICT" ? error.message : null };
      },
    ).then((answer) => this.#input((formation, nowMs) => formation.joinAnswered(answer, nowMs)));
  }

  /** One timer, and none once nothing depends on time any more. */
  #schedule(): void {
    if (this.#timer !== null || this.#stopped || this.#formation?.settled !== false) return;
    this.#timer = this.#options.clock.timer(RESEND_MS, () => {
      this.#timer = null;
      this.#input((formation, nowMs) => formation.tick(nowMs));
    });
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }
}

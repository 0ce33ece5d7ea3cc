/**
 * Locks as callers at this peer use them: proposes commands to the system group, holds acquires open until
 * their wait has ended, and answers reads from this peer's replica. The rules are in the machine; what is kept
 * here is lost with the process, and a caller's retry through any peer goes on from the replicated state.
 *
 * An acquire that nobody waits for any more is cancelled under its attachment: as soon as its own fate is
 * known, because a cancel that came first would find nothing.
 */
import type { Clock } from "../clock.ts";
import { SkeinError } from "../errors.ts";
import type { GroupListener, Groups, RequestKey } from "../groups/groups.ts";
import type { Effect } from "../groups/machine.ts";
import { LIMITS } from "../limits.ts";
import type { Logger } from "../logger.ts";
import type { PeerId } from "../raft/entry.ts";
import type { LockAnswer, LockEffect } from "./answers.ts";
import { type AcquireCommand, encodeLockCommand, type LockCommand } from "./commands.ts";
import { isoTime } from "../iso_time.ts";
import { logDeadlock, logLeaseTimeout } from "./lock_log.ts";
import { checkHeld, checkName, checkSpan } from "./lock_requests.ts";
import { acquireResult, lockView, wallOffset, type WallOffsetMs } from "./lock_views.ts";
import type {
  AcquireRequest,
  AcquireResult,
  HeldRequest,
  Locks,
  LockView,
  ReadOptions,
  ReleaseResult,
  RenewResult,
  WaitForEdge,
} from "./locks.ts";
import { type LockMachine, LOCKS_MACHINE } from "./machine.ts";
import { type OpenWait, OpenWaits, type WaitEnd } from "./open_waits.ts";
import { Patience } from "./patience.ts";
import { edgesOf } from "./wait_for_graph.ts";

const SYSTEM_GROUP = 0;

export interface LockServiceParts {
  readonly groups: Groups;
  /** The machine that this peer's replica of group 0 applies to. */
  readonly machine: LockMachine;
  readonly clock: Clock;
  readonly logger: Logger;
  /** This peer, and this run of it. */
  readonly peer: PeerId;
  readonly bootId: string;
  readonly timeouts?: LockTimeouts;
}

export interface LockTimeouts {
  /** How long a command may take until it is committed. */
  readonly proposeMs: number;
  readonly readMs: number;
  /** How much later than its wait an acquire is given up that has heard nothing. */
  readonly waitMarginMs: number;
  /** How long a cancel is tried. Nobody waits for it, and it must outlast an election. */
  readonly cancelMs: number;
  /** How long the same is tried by a peer that is about to stop, and waits for it. */
  readonly takeBackMs: number;
}

const TIMEOUTS: LockTimeouts = {
  proposeMs: 10_000,
  readMs: 10_000,
  waitMarginMs: 10_000,
  cancelMs: 60_000,
  takeBackMs: 500,
};

/** Stands for the answer to a proposal that has none. */
const UNKNOWN = { kind: "unknown" } as const;

export class LockService implements Locks {
  readonly #groups: Groups;
  readonly #machine: LockMachine;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #timeouts: LockTimeouts;
  readonly #waits: OpenWaits;
  #offset: WallOffsetMs;
  /** What they are told who can not wait at this peer to the end, once it is about to stop. */
  #farewell: SkeinError | null = null;

  /** Listens to group 0 from now on. */
  constructor({ groups, machine, clock, logger, peer, bootId, timeouts }: LockServiceParts) {
    this.#groups = groups;
    this.#machine = machine;
    this.#clock = clock;
    this.#logger = logger;
    this.#timeouts = timeouts ?? TIMEOUTS;
    this.#waits = new OpenWaits(machine, peer, bootId);
    const listener: GroupListener = {
      effects: (effects, _context, replayed) => this.#effects(effects, replayed),
      restored: () => this.#waits.restored(),
    };
    groups.listen(SYSTEM_GROUP, listener);
    this.#offset = wallOffset(clock.wallMs(), groups.timeMs(SYSTEM_GROUP));
  }

  /** Acquires that are held open at this peer now. */
  get openAcquires(): number {
    return this.#waits.size;
  }

  /**
   * This peer is about to stop, and nobody may wait here any more. A request under an id of its caller's leaves its
   * waiter in the queue, and keeps its place when it is sent again through another peer. Any other could never be
   * told of a grant, so it is taken back. Whatever need not wait is served as ever.
   * @returns resolves when those who waited have their answers
   */
  drain(): Promise<void> {
    this.#farewell ??= new SkeinError(
      "OUTCOME_UNKNOWN",
      "this peer is about to stop: the same request through another peer keeps its place",
    );
    return this.#waits.sendAway(this.#farewell);
  }

  /**
   * Ends every acquire that is held open. Its waiter stays in the queue: the same request through another
   * peer goes on with it, until this peer's run is found to be over.
   * @param reason what their callers are told, as the reason why the outcome is unknown
   */
  close(reason: SkeinError): void {
    // Each of them was proposed, and may hold its lock by now.
    this.#waits.failAll(new SkeinError("OUTCOME_UNKNOWN", reason.message, reason.details));
  }

  /**
   * See `Locks.acquire`.
   * @throws {SkeinError} by rejection: INVALID, and what `Groups.propose` throws
   * @throws the signal's reason, by rejection, once it is aborted; the acquire is then cancelled
   */
  async acquire(request: AcquireRequest): Promise<AcquireResult> {
    const { resource, owner, mode, signal } = request;
    checkName("resource", resource);
    checkName("owner", owner);
    const askedMs = checkSpan("wait", request.waitMs, 0, LIMITS.lockWaitMaxMs);
    const ttlMs = checkSpan("ttl", request.ttlMs, LIMITS.lockTtlMinMs, LIMITS.lockTtlMaxMs);
    const beganMs = this.#clock.monotonicMs();
    for (let waitMs = askedMs;;) {
      signal?.throwIfAborted();
      const wait = this.#waits.open({ resource, owner });
      const { attachment } = wait;
      const command = {
        kind: "acquire",
        resource,
        owner,
        mode,
        waitMs,
        ttlMs,
        attachment,
      } as const;
      const end = await this.#attempt(wait, command, request.request, signal);
      if (end !== "gone" && end.kind !== "cancelled") return acquireResult(end, this.#wallOffset());
      // The wait ended unseen, or this peer was taken for dead: the caller still waits, so ask again.
      const passedMs = Math.floor(this.#clock.monotonicMs() - beganMs);
      waitMs = Math.max(0, askedMs - passedMs);
    }
  }

  /** One proposal of an acquire, and the wait that it begins. */
  async #attempt(
    wait: OpenWait,
    command: AcquireCommand,
    request: RequestKey | null,
    signal: AbortSignal | null,
  ): Promise<WaitEnd> {
    const proposing = this.#propose(command, request, this.#timeouts.proposeMs);
    const patience = new Patience(this.#clock, signal);
    try {
      let end = await Promise.race([proposing, wait.ended, patience.ended]);
      if (end !== "gone" && end.kind === "waiting") {
        this.#waits.ticketKnown(wait, end.ticket);
        patience.limit(command.waitMs + this.#timeouts.waitMarginMs);
        end = await Promise.race([wait.ended, patience.ended]);
      }
      signal?.throwIfAborted();
      if (end !== "gone" && end.kind === "granted") this.#releaseIfUnread(command, signal);
      return end as WaitEnd;
    } catch (error) {
      if (error === this.#farewell) throw request === null ? await this.#takeBack(command) : error;
      const unknown = error instanceof SkeinError && error.code === "OUTCOME_UNKNOWN";
      if (unknown || signal?.aborted === true) this.#cancelAfter(proposing, command);
      throw error;
    } finally {
      patience.close();
      this.#waits.close(wait);
    }
  }

  /** The client may still go away while its answer is being written; after that the signal is silent. */
  #releaseIfUnread(command: AcquireCommand, signal: AbortSignal | null): void {
    const granted = Promise.resolve({ kind: "granted" });
    signal?.addEventListener("abort", () => void this.#cancelAfter(granted, command), {
      once: true,
    });
  }

  /** @returns what is told to a caller who could not ask for the same request again */
  async #takeBack({ resource, owner, attachment }: AcquireCommand): Promise<SkeinError> {
    const command = { kind: "cancel", resource, owner, attachment } as const;
    try {
      await this.#propose(command, null, this.#timeouts.takeBackMs);
      const message = "this peer is about to stop, and no longer waits: ask another one";
      return new SkeinError("SHUTTING_DOWN", message);
    } catch (error) {
      if (!(error instanceof SkeinError)) throw error;
      const message =
        `this peer is about to stop, and could not take the wait back: ${error.message}`;
      return new SkeinError("OUTCOME_UNKNOWN", message);
    }
  }

  /** In the background: nobody waits for it. */
  async #cancelAfter(
    proposing: Promise<{ readonly kind: string }>,
    { resource, owner, attachment }: AcquireCommand,
  ): Promise<void> {
    try {
      const answer = await proposing.catch(() => UNKNOWN);
      if (answer.kind !== "waiting" && answer.kind !== "granted" && answer !== UNKNOWN) return;
      const command = { kind: "cancel", resource, owner, attachment } as const;
      await this.#propose(command, null, this.#timeouts.cancelMs);
    } catch (error) {
      const message = `could not cancel an acquire of ${resource}, which may be granted in vain`;
      this.#logger.log("warn", message, { resource, owner, error: String(error) });
    }
  }

  /** See `Locks.release`. */
  async release(request: HeldRequest): Promise<ReleaseResult> {
    checkHeld(request);
    const { resource, owner } = request;
    const command = { kind: "release", resource, owner, token: request.fencingToken } as const;
    const answer = await this.#propose(command, request.request, this.#timeouts.proposeMs);
    return answer.kind === "released" ? { ok: true } : { ok: false, code: "NOT_HELD" };
  }

  /** See `Locks.renew`. */
  async renew(request: HeldRequest & { readonly ttlMs: number | null }): Promise<RenewResult> {
    checkHeld(request);
    const { resource, owner } = request;
    const ttlMs = request.ttlMs === null
      ? null
      : checkSpan("ttl", request.ttlMs, LIMITS.lockTtlMinMs, LIMITS.lockTtlMaxMs);
    const command = { kind: "renew", resource, owner, token: request.fencingToken, ttlMs } as const;
    const answer = await this.#propose(command, request.request, this.#timeouts.proposeMs);
    if (answer.kind !== "renewed") return { ok: false, code: "NOT_HELD" };
    const expiresAt = isoTime(answer.deadlineMs + this.#wallOffset());
    return { ok: true, fencingToken: answer.token, expiresAt };
  }

  /** See `Locks.status`. */
  async status(resource: string, options: ReadOptions): Promise<LockView | null> {
    if (!options.stale) await this.#readBarrier();
    const lock = this.#machine.lock(resource);
    return lock === undefined ? null : lockView(lock, this.#wallOffset());
  }

  /** See `Locks.list`. In order of resource. */
  async list(options: ReadOptions): Promise<readonly LockView[]> {
    if (!options.stale) await this.#readBarrier();
    const offsetMs = this.#wallOffset();
    const views = Array.from(this.#machine.locks(), (lock) => lockView(lock, offsetMs));
    return views.sort((a, b) => a.resource < b.resource ? -1 : 1);
  }

  /** See `Locks.graph`. Each edge names at most the first 64 that its owner waits for. */
  async graph(options: ReadOptions): Promise<readonly WaitForEdge[]> {
    if (!options.stale) await this.#readBarrier();
    return this.#machine.waitedFor().flatMap((lock) => [...edgesOf(lock)]);
  }

  /**
   * Takes away the waiters of a peer's run that is over: dead, or back with a new boot id. For the system
   * group's leader; may be asked for the same again.
   */
  async detach(peer: PeerId, bootId: string): Promise<void> {
    await this.#propose({ kind: "detach", peer, bootId }, null, this.#timeouts.proposeMs);
  }

  #readBarrier(): Promise<void> {
    return this.#groups.readBarrier(SYSTEM_GROUP, this.#timeouts.readMs);
  }

  /** Refusals of the machine come as rejections, so the answer is a result. */
  async #propose(command: LockCommand, request: RequestKey | null, timeoutMs: number) {
    const body = encodeLockCommand(command);
    const options = { timeoutMs, request };
    const answer = await this.#groups.propose(SYSTEM_GROUP, LOCKS_MACHINE, body, options);
    return answer as Extract<LockAnswer, { readonly kind: string }>;
  }

  /** For hints: where this peer's replica ended a moment ago, what it said last will do. */
  #wallOffset(): WallOffsetMs {
    try {
      this.#offset = wallOffset(this.#clock.wallMs(), this.#groups.timeMs(SYSTEM_GROUP));
    } catch (error) {
      if (!(error instanceof SkeinError)) throw error;
    }
    return this.#offset;
  }

  /** What was in the log before this start was logged then, and nobody here waits for it. */
  #effects(effects: readonly Effect[], replayed: boolean): void {
    if (replayed) return;
    for (const effect of effects as readonly LockEffect[]) {
      switch (effect.kind) {
        case "settled":
          this.#waits.settled(effect);
          break;
        case "deadlock":
          logDeadlock(this.#logger, effect);
          break;
        case "leaseTimeout":
          logLeaseTimeout(this.#logger, effect);
          break;
      }
    }
  }
}

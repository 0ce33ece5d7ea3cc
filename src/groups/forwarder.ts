/**
 * Commands on their way from this peer to a group's leader elsewhere. While a few requests to that leader
 * are under way the next commands gather, and then go together: one frame there and one back for all of
 * them, as the log gathers records while an fsync is in flight. No timer: an idle way is taken at once.
 */
import { type ErrorCode, SkeinError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { RequestError, type Transport } from "../net/transport.ts";
import type { PeerId } from "../raft/entry.ts";
import type { GroupId } from "../storage/storage.ts";
import type { Deadlines } from "./deadlines.ts";
import type { Answer } from "./machine.ts";

/** `[group, timeoutMs, payloads]` → for each payload `[answer]` or `[null, code, message, details]`. */
export const PROPOSE_METHOD = "group.propose";

/** Requests to one leader at once: one travels while the other is being committed. */
const IN_FLIGHT_MAX = 2;
const BATCH_COMMANDS_MAX = 256;
const BATCH_BYTES_MAX = LIMITS.appendBytesMax;

/** One caller's command, settled once: by its answer, by its deadline, or by a change of leader. */
class Command {
  readonly payload: Uint8Array;
  readonly timeoutMs: number;
  readonly #settled: PromiseWithResolvers<Answer> = Promise.withResolvers();
  sent = false;
  done = false;

  constructor(payload: Uint8Array, timeoutMs: number) {
    this.payload = payload;
    this.timeoutMs = timeoutMs;
  }

  get answer(): Promise<Answer> {
    return this.#settled.promise;
  }

  resolve(answer: Answer): void {
    this.done = true;
    this.#settled.resolve(answer);
  }

  reject(error: unknown): void {
    this.done = true;
    this.#settled.reject(error);
  }

  /** Waits no longer. What never left this peer can not have happened. */
  giveUp(reason: "lost" | "timeout", message: string): void {
    this.reject(new RequestError(this.sent ? reason : "unreachable", message));
  }
}

/** What waits for, and is under way to, one leader of one group. */
interface Lane {
  readonly leader: PeerId;
  readonly group: GroupId;
  waiting: Command[];
  /** In one request each. */
  readonly underWay: Set<readonly Command[]>;
  scheduled: boolean;
}

export class Forwarder {
  readonly #transport: Pick<Transport, "request">;
  readonly #deadlines: Deadlines;
  readonly #lanes = new Map<string, Lane>();

  constructor(transport: Pick<Transport, "request">, deadlines: Deadlines) {
    this.#transport = transport;
    this.#deadlines = deadlines;
  }

  /**
   * @returns the leader's answer
   * @throws {RequestError} by rejection, as `Transport.request`; `refused` for this command alone
   */
  async forward(
    leader: PeerId,
    group: GroupId,
    payload: Uint8Array,
    timeoutMs: number,
  ): Promise<Answer> {
    const lane = this.#lane(leader, group);
    const command = new Command(payload, timeoutMs);
    lane.waiting.push(command);
    if (lane.underWay.size < IN_FLIGHT_MAX) this.#schedule(lane);
    const deadline = this.#deadlines.arm(timeoutMs, () => {
      command.giveUp("timeout", "no answer in time");
    });
    try {
      return await command.answer;
    } finally {
      this.#deadlines.disarm(deadline);
    }
  }

  /**
   * Another peer leads the group now. The former leader may be paused or cut off and answer nobody for long,
   * so its lanes are given up at once.
   */
  leaderChanged(group: GroupId, leader: PeerId): void {
    for (const [name, lane] of this.#lanes) {
      if (lane.group !== group || lane.leader === leader) continue;
      this.#lanes.delete(name);
      for (const command of [...lane.waiting, ...[...lane.underWay].flat()]) {
        command.giveUp("lost", "another peer leads the group now");
      }
      lane.waiting = [];
    }
  }

  #lane(leader: PeerId, group: GroupId): Lane {
    const name = `${group} ${leader}`;
    const known = this.#lanes.get(name);
    if (known !== undefined) return known;
    const lane = { leader, group, waiting: [], underWay: new Set<Command[]>(), scheduled: false };
    this.#lanes.set(name, lane);
    return lane;
  }

  /** After the present turn: what came together goes together. */
  #schedule(lane: Lane): void {
    if (lane.scheduled) return;
    lane.scheduled = true;
    queueMicrotask(() => {
      lane.scheduled = false;
      lane.waiting = lane.waiting.filter(({ done }) => !done);
      while (lane.waiting.length > 0 && lane.underWay.size < IN_FLIGHT_MAX) this.#send(lane);
      const name = `${lane.group} ${lane.leader}`;
      const isIdle = lane.waiting.length === 0 && lane.underWay.size === 0;
      if (isIdle && this.#lanes.get(name) === lane) this.#lanes.delete(name);
    });
  }

  #send(lane: Lane): void {
    const batch = takeBatch(lane.waiting);
    lane.waiting = lane.waiting.slice(batch.length);
    let timeoutMs = 0;
    for (const command of batch) {
      command.sent = true;
      timeoutMs = Math.max(timeoutMs, command.timeoutMs);
    }
    const body = [lane.group, Math.ceil(timeoutMs), batch.map(({ payload }) => payload)];
    lane.underWay.add(batch);
    this.#transport.request(lane.leader, PROPOSE_METHOD, body, timeoutMs).then(
      (answers) => settle(batch, answers),
      (error) => batch.forEach((command) => command.reject(error)),
    ).then(() => {
      lane.underWay.delete(batch);
      this.#schedule(lane);
    });
  }
}

function takeBatch(waiting: readonly Command[]): readonly Command[] {
  let bytes = 0;
  let count = 0;
  for (const { payload } of waiting) {
    bytes += payload.length;
    if (count > 0 && (bytes > BATCH_BYTES_MAX || count === BATCH_COMMANDS_MAX)) break;
    count++;
  }
  return waiting.slice(0, count);
}

function settle(batch: readonly Command[], answers: unknown): void {
  const sound = Array.isArray(answers) && answers.length === batch.length;
  for (const [place, command] of batch.entries()) {
    const answer = sound ? answers[place] : null;
    if (!Array.isArray(answer)) {
      command.reject(new RequestError("lost", "the leader's answer does not have its form"));
    } else if (answer.length === 1) command.resolve(answer[0]);
    else command.reject(new RequestError("refused", answer[2], answer[1], answer[3]));
  }
}

/** One command's place in the leader's answer. */
export function encodeOutcome(outcome: Answer | SkeinError): unknown[] {
  if (!(outcome instanceof SkeinError)) return [outcome];
  return [null, outcome.code satisfies ErrorCode, outcome.message, outcome.details];
}

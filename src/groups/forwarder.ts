/**
 * Commands on their way from this peer to a group's leader elsewhere. While a few requests to that leader
 * are under way the next commands gather, and then go together: one frame there and one back for all of
 * them, as the log gathers records while an fsync is in flight. No timer: an idle way is taken at once.
 */
import { type ErrorCode, SkeinError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { RequestError, type Transport } from "../net/transport.ts";
import type { PeerId } from "../raft/entry.ts";
import type { Answer } from "./machine.ts";

/** `[group, timeoutMs, payloads]` → for each payload `[answer]` or `[null, code, message, details]`. */
export const PROPOSE_METHOD = "group.propose";

/** Requests to one leader at once: one travels while the other is being committed. */
const IN_FLIGHT_MAX = 2;
const BATCH_COMMANDS_MAX = 256;
const BATCH_BYTES_MAX = LIMITS.appendBytesMax;

interface Command {
  readonly payload: Uint8Array;
  readonly timeoutMs: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** What waits for, and is under way to, one leader of one group. */
interface Lane {
  readonly leader: PeerId;
  readonly group: number;
  waiting: Command[];
  inFlight: number;
  scheduled: boolean;
}

export class Forwarder {
  readonly #transport: Pick<Transport, "request">;
  readonly #lanes = new Map<string, Lane>();

  constructor(transport: Pick<Transport, "request">) {
    this.#transport = transport;
  }

  /**
   * @returns the leader's answer
   * @throws {RequestError} by rejection, as `Transport.request`; `refused` for this command alone
   */
  forward(
    leader: PeerId,
    group: number,
    payload: Uint8Array,
    timeoutMs: number,
  ): Promise<Answer> {
    const lane = this.#lane(leader, group);
    const answer = new Promise<Answer>((resolve, reject) => {
      lane.waiting.push({ payload, timeoutMs, resolve, reject });
    });
    if (lane.inFlight < IN_FLIGHT_MAX) this.#schedule(lane);
    return answer;
  }

  #lane(leader: PeerId, group: number): Lane {
    const name = `${group} ${leader}`;
    const known = this.#lanes.get(name);
    if (known !== undefined) return known;
    const lane = { leader, group, waiting: [], inFlight: 0, scheduled: false };
    this.#lanes.set(name, lane);
    return lane;
  }

  /** After the present turn: what came together goes together. */
  #schedule(lane: Lane): void {
    if (lane.scheduled) return;
    lane.scheduled = true;
    queueMicrotask(() => {
      lane.scheduled = false;
      while (lane.waiting.length > 0 && lane.inFlight < IN_FLIGHT_MAX) this.#send(lane);
      if (lane.waiting.length === 0 && lane.inFlight === 0) {
        this.#lanes.delete(`${lane.group} ${lane.leader}`);
      }
    });
  }

  #send(lane: Lane): void {
    const batch = takeBatch(lane.waiting);
    lane.waiting = lane.waiting.slice(batch.length);
    let timeoutMs = 0;
    for (const command of batch) timeoutMs = Math.max(timeoutMs, command.timeoutMs);
    const body = [lane.group, Math.ceil(timeoutMs), batch.map(({ payload }) => payload)];
    lane.inFlight++;
    this.#transport.request(lane.leader, PROPOSE_METHOD, body, timeoutMs).then(
      (answers) => settle(batch, answers),
      (error) => batch.forEach(({ reject }) => reject(error)),
    ).then(() => {
      lane.inFlight--;
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
  for (const [place, { resolve, reject }] of batch.entries()) {
    const answer = sound ? answers[place] : null;
    if (!Array.isArray(answer)) {
      reject(new RequestError("lost", "the leader's answer does not have its form"));
    } else if (answer.length === 1) resolve(answer[0]);
    else reject(new RequestError("refused", answer[2], answer[1], answer[3]));
  }
}

/** One command's place in the leader's answer. */
export function encodeOutcome(outcome: Answer | SkeinError): unknown[] {
  if (!(outcome instanceof SkeinError)) return [outcome];
  return [null, outcome.code satisfies ErrorCode, outcome.message, outcome.details];
}

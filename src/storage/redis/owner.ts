/**
 * Who has the state of a peer open: one process at a time. Taking the state gives it a new fence, which every write
 * names; so whoever had it before, and does not know yet, writes nothing any more, however long it was paused.
 *
 * The owner says every few seconds that it lives. It is taken for dead when it has not said so for `ownerMs`, or sooner
 * when the server says that its connection is gone, so that a peer that was killed can start again at once.
 */
import type { Clock, Timer } from "../../clock.ts";
import type { Logger } from "../../logger.ts";
import { StorageForeignError, StorageInUseError, StorageRolledBackError } from "../storage.ts";
import { textOf, textsOf } from "./redis_client.ts";
import type { RedisKeys } from "./redis_keys.ts";
import type { RedisSession } from "./redis_session.ts";
import { KEEP_SCRIPT, RELEASE_SCRIPT, TAKE_SCRIPT } from "./scripts.ts";
import { rolledBackReason } from "./session_failures.ts";

/** How the keys are laid out. Another number is another layout, which this program cannot read. */
export const REDIS_FORMAT = 1;

const POLL_MS = 250;
const FENCE_STEP_DIGITS = 7;

/** What a process knows of its own state in Redis from one opening to the next. */
export class RedisMemory {
  /** The last batch that was confirmed. */
  batch = 0;
  /** The value of the owner's key, where this process set it. */
  owner = "";
}

export interface OwnerOptions {
  readonly session: RedisSession;
  readonly keys: RedisKeys;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly memory: RedisMemory;
  /** Which peer this is, for others that find the state taken. */
  readonly peer: string;
  /** Hex digits, unlike those of any other opening. */
  readonly token: string;
  readonly ownerMs: number;
  /** Whether one server knows all connections. In a cluster each node knows its own alone. */
  readonly knowsConnections: boolean;
}

export class Owner {
  readonly #options: OwnerOptions;
  #timer: Timer | null = null;
  #clientId = "";
  /** Whether it was logged that nobody can be told that the owner lives. */
  #isUnheard = false;

  constructor(options: OwnerOptions) {
    this.#options = options;
  }

  /**
   * Takes the state, once nobody has it.
   * @throws {StorageInUseError} by rejection, where somebody has it who lives
   * @throws {StorageForeignError} where what lies there is not of this format
   * @throws {StorageRolledBackError} where Redis has forgotten what it had confirmed
   */
  async take(): Promise<void> {
    const { session, keys, memory, ownerMs, knowsConnections } = this.#options;
    await this.#examine();
    if (knowsConnections) {
      this.#clientId = textOf(await session.ask("CLIENT", "ID").catch(() => ""));
    }
    for (;;) {
      const before = await this.#waitForFormerOwner();
      const owner = this.#describe();
      const taken = await session.ask(
        ...["EVAL", TAKE_SCRIPT, "2", keys.state, keys.owner],
        ...[before, owner, String(ownerMs), String(REDIS_FORMAT), this.#fenceStep()],
      );
      const [fence, batch] = textsOf(taken);
      if (fence === undefined) continue;
      memory.owner = owner;
      memory.batch = Number(batch);
      session.own(fence, memory.batch);
      return this.#keepLater();
    }
  }

  /** Says at once that it lives, since others take a connection that is gone for the owner's end. */
  reconnected(): void {
    if (this.#timer !== null) void this.#keep();
  }

  /** Lets go, so that the next one need not wait. */
  async release(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = null;
    const { session, keys } = this.#options;
    if (session.fence === "" || session.failure !== null) return;
    await session.ask("EVAL", RELEASE_SCRIPT, "2", keys.state, keys.owner, session.fence)
      .catch(() => {});
  }

  /** Whether what lies there is what this process may take. */
  async #examine(): Promise<void> {
    const { session, keys, memory } = this.#options;
    const found = await session.ask("HMGET", keys.state, "format", "batch", "refused");
    const [format = "", batch = "", refused = ""] = textsOf(found);
    if (refused !== "") throw new StorageRolledBackError(rejoin(refused, keys));
    if (memory.batch > 0 && !(Number(batch === "" ? NaN : batch) >= memory.batch)) {
      const reason = rolledBackReason(batch === "" ? NaN : Number(batch), memory.batch);
      // So that another process, which remembers nothing, does not start with it either.
      await session.ask("HSET", keys.state, "refused", reason);
      throw new StorageRolledBackError(rejoin(reason, keys));
    }
    const isEmpty = format === "" && batch === "";
    if (isEmpty || format === String(REDIS_FORMAT)) return;
    throw new StorageForeignError(
      `cannot open the state in Redis: ${keys.state} has format ${format || "none"}, and this ` +
        `version reads ${REDIS_FORMAT}: it was written by ${
          Number(format) > REDIS_FORMAT ? "a newer" : "an older"
        } version`,
    );
  }

  /** By chance: a state that went back and is taken again has another fence than it had in its lost future. */
  #fenceStep(): string {
    return String(1 + parseInt(this.#options.token.slice(0, FENCE_STEP_DIGITS), 16));
  }

  /**
   * Waits until the former owner is taken for dead.
   * @returns what its key holds, "" where there is none
   */
  async #waitForFormerOwner(): Promise<string> {
    const { session, keys, clock, memory, ownerMs } = this.#options;
    const untilMs = clock.monotonicMs() + ownerMs;
    let leftBeforeMs = Infinity;
    for (;;) {
      const owner = textOf(await session.ask("GET", keys.owner));
      if (owner === "" || owner === memory.owner) return owner;
      if (await this.#isConnectionGone(owner)) return owner;
      const leftMs = Number(textOf(await session.ask("PTTL", keys.owner)));
      if (leftMs > leftBeforeMs) throw this.#inUse(owner);
      // No owner gave its key so long a time, or none at all (-1): it is a copy, or was changed by somebody.
      const isCopy = leftMs === -1 || leftMs > ownerMs;
      if (isCopy && clock.monotonicMs() >= untilMs) return owner;
      leftBeforeMs = leftMs;
      await new Promise<void>((resolve) => clock.timer(POLL_MS, resolve));
    }
  }

  /** Whether the server knows that the connection of that owner is closed. */
  async #isConnectionGone(owner: string): Promise<boolean> {
    const { clientId } = parseOwner(owner);
    if (clientId === "") return false;
    try {
      const { session } = this.#options;
      return textOf(await session.ask("CLIENT", "LIST", "ID", clientId)).trim() === "";
    } catch {
      // A server that does not tell: then only time does.
      return false;
    }
  }

  #inUse(owner: string): StorageInUseError {
    const { peer } = parseOwner(owner);
    return new StorageInUseError(
      `cannot open the state in Redis: another process, which calls itself ${peer}, has ` +
        `${this.#options.keys.state} open and lives; two peers need two names (--name)`,
    );
  }

  #describe(): string {
    const { peer, token } = this.#options;
    return JSON.stringify({ peer, clientId: this.#clientId, token });
  }

  #keepLater(): void {
    const { clock, ownerMs } = this.#options;
    this.#timer?.cancel();
    this.#timer = clock.timer(ownerMs / 3, () => void this.#keep());
  }

  async #keep(): Promise<void> {
    const { session, keys, ownerMs, memory } = this.#options;
    try {
      // Another connection since the last time has another number.
      const clientId = this.#clientId && textOf(await session.ask("CLIENT", "ID"));
      if (clientId !== this.#clientId) {
        this.#clientId = clientId;
        memory.owner = this.#describe();
      }
      const head = ["EVAL", KEEP_SCRIPT, "2", keys.state, keys.owner];
      await session.ask(...head, session.fence, memory.owner, String(ownerMs));
    } catch (error) {
      // Where the session has failed it says so itself.
      if (session.failure === null) this.#unheard(error as Error);
    }
    if (this.#timer !== null && session.failure === null) this.#keepLater();
  }

  #unheard({ message }: Error): void {
    if (this.#isUnheard) return;
    this.#isUnheard = true;
    const what =
      "other processes cannot be told that this peer lives, and one of its name may take over";
    this.#options.logger.log("warn", `${what}: ${message}`);
  }
}

function parseOwner(text: string): { readonly peer: string; readonly clientId: string } {
  try {
    const { peer, clientId } = JSON.parse(text);
    return { peer: String(peer), clientId: /^\d+$/.test(clientId) ? clientId : "" };
  } catch {
    return { peer: "unknown", clientId: "" };
  }
}

function rejoin(reason: string, { pattern }: RedisKeys): string {
  return `cannot open the state in Redis: ${reason}. A peer does not go on with votes that it has ` +
    `forgotten: without the keys ${pattern} it joins anew, once the member that it was is removed`;
}

/**
 * The acquires that this peer holds open, each under a serial that its attachment names. A wait's end comes
 * as an effect of a later entry, perhaps before the answer that says under which ticket the request waits: an
 * effect finds its request by the attachment, or by the ticket where the waiter was attached anew elsewhere.
 */
import type { SkeinError } from "../errors.ts";
import type { Attachment } from "../groups/machine.ts";
import type { AcquireAnswer, SettledEffect } from "./answers.ts";
import type { LockMachine, LockName } from "./machine.ts";

/** `gone`: the wait ended unseen, and nothing is held by it. */
export type WaitEnd = AcquireAnswer | "gone";

export class OpenWait {
  readonly attachment: Attachment;
  readonly name: LockName;
  /** Resolves when the wait has ended; rejects when this peer ends first. */
  readonly ended: Promise<WaitEnd>;
  readonly end: (end: WaitEnd) => void;
  readonly fail: (error: Error) => void;
  /** Null until the answer to the proposal is here. */
  ticket: number | null = null;

  constructor(attachment: Attachment, name: LockName) {
    this.attachment = attachment;
    this.name = name;
    const { promise, resolve, reject } = Promise.withResolvers<WaitEnd>();
    this.ended = promise;
    this.end = resolve;
    this.fail = reject;
  }
}

export class OpenWaits {
  readonly #machine: LockMachine;
  readonly #peer: string;
  readonly #bootId: string;
  readonly #bySerial = new Map<number, OpenWait>();
  /** Those whose ticket is known. Several, where one request came to this peer more than once. */
  readonly #byTicket = new Map<number, Set<OpenWait>>();
  #nextSerial = 1;
  /** Set once nobody may wait here any more: what they are told. */
  #farewell: SkeinError | null = null;
  /** Those that were told so, and have something to finish yet. */
  readonly #leaving = new Set<OpenWait>();
  readonly #allLeft = Promise.withResolvers<void>();

  /**
   * @param machine this peer's replica of the locks
   * @param peer this peer
   * @param bootId this run of it
   */
  constructor(machine: LockMachine, peer: string, bootId: string) {
    this.#machine = machine;
    this.#peer = peer;
    this.#bootId = bootId;
  }

  get size(): number {
    return this.#bySerial.size;
  }

  open(name: LockName): OpenWait {
    const serial = this.#nextSerial++;
    const wait = new OpenWait({ peer: this.#peer, bootId: this.#bootId, serial }, name);
    this.#bySerial.set(serial, wait);
    return wait;
  }

  /** The answer to the proposal is here: the request waits under this ticket, or has done so. */
  ticketKnown(wait: OpenWait, ticket: number): void {
    wait.ticket = ticket;
    const sharing = this.#byTicket.get(ticket);
    if (sharing === undefined) this.#byTicket.set(ticket, new Set([wait]));
    else sharing.add(wait);
    this.#lookAt(wait, ticket);
    if (this.#farewell !== null) this.#sendAway(wait, this.#farewell);
  }

  close(wait: OpenWait): void {
    this.#bySerial.delete(wait.attachment.serial);
    if (this.#leaving.delete(wait) && this.#leaving.size === 0) this.#allLeft.resolve();
    if (wait.ticket === null) return;
    const sharing = this.#byTicket.get(wait.ticket)!;
    sharing.delete(wait);
    if (sharing.size === 0) this.#byTicket.delete(wait.ticket);
  }

  /**
   * This peer is about to stop: who waits, or would have to from now on, waits here no longer. Those whose answer
   * is under way get it.
   * @returns resolves when those that waited are closed
   */
  sendAway(farewell: SkeinError): Promise<void> {
    this.#farewell = farewell;
    for (const wait of this.#bySerial.values()) {
      if (wait.ticket !== null) this.#sendAway(wait, farewell);
    }
    if (this.#leaving.size === 0) this.#allLeft.resolve();
    return this.#allLeft.promise;
  }

  #sendAway(wait: OpenWait, farewell: SkeinError): void {
    this.#leaving.add(wait);
    wait.fail(farewell);
  }

  /** This peer has stopped: nobody is answered here any more. */
  failAll(error: Error): void {
    for (const wait of this.#bySerial.values()) wait.fail(error);
  }

  settled({ attachments, settles }: SettledEffect): void {
    const { ticket, answer } = settles;
    for (const wait of this.#byTicket.get(ticket) ?? []) wait.end(answer);
    for (const { peer, bootId, serial } of attachments) {
      if (peer === this.#peer && bootId === this.#bootId) this.#bySerial.get(serial)?.end(answer);
    }
  }

  /** The machine was replaced by a snapshot: waits may have ended unseen. */
  restored(): void {
    for (const wait of this.#bySerial.values()) {
      if (wait.ticket !== null) this.#lookAt(wait, wait.ticket);
    }
  }

  #lookAt(wait: OpenWait, ticket: number): void {
    const state = this.#machine.waitState(wait.name, ticket);
    if (state !== "unseen" && state !== "waiting") wait.end(state);
  }
}

/**
 * Datagrams on their way to the system: so many in one turn of the event loop, the rest in later ones. What a
 * thousand streams have to say at once would overflow the buffer of whoever receives it. While turn follows
 * turn the runtime seldom looks whether anything has come, so a long queue waits for pauses in which it does.
 */

/** What fits into a receive buffer of the usual size (212,992 bytes on Linux), with room for others. */
const TURN_MAX = 48;
/**
 * So many leave before a turn's end is waited for, which costs more than they do. They may be of more turns than one:
 * then the turn in which the rest leaves is only shorter.
 */
const COUNTED_MIN = 16;
/** With more than that in the queue there are pauses. */
const WAITING_LONG = 256;
/** Datagrams that wait; further ones are lost, as they would be on the way. */
const WAITING_MAX = 32_768;

interface Waiting<T> {
  readonly packet: Uint8Array;
  readonly to: T;
  readonly settled: ((sent: boolean) => void) | undefined;
}

type Send<T> = (packet: Uint8Array, to: T, settled?: (sent: boolean) => void) => void;

export class TurnQueue<T> {
  readonly #turn: (fire: () => void) => void;
  readonly #pause: (fire: () => void) => void;
  readonly #send: Send<T>;
  #waiting: Waiting<T>[] = [];
  #head = 0;
  #sentInTurn = 0;

  /**
   * @param turn calls once at the end of the turn
   * @param pause calls once after whatever has come was handed in
   */
  constructor(
    turn: (fire: () => void) => void,
    pause: (fire: () => void) => void,
    send: Send<T>,
  ) {
    this.#turn = turn;
    this.#pause = pause;
    this.#send = send;
  }

  push(packet: Uint8Array, to: T, settled?: (sent: boolean) => void): void {
    if (this.#sentInTurn < TURN_MAX) this.#sendNow(packet, to, settled);
    else if (this.#waiting.length - this.#head < WAITING_MAX) {
      this.#waiting.push({ packet, to, settled });
    } else settled?.(false);
  }

  /** Sends all that waits. */
  flush(): void {
    for (; this.#head < this.#waiting.length; this.#head++) {
      const { packet, to, settled } = this.#waiting[this.#head]!;
      this.#send(packet, to, settled);
    }
  }

  #sendNow(packet: Uint8Array, to: T, settled?: (sent: boolean) => void): void {
    if (++this.#sentInTurn === COUNTED_MIN) {
      const long = this.#waiting.length - this.#head > WAITING_LONG;
      (long ? this.#pause : this.#turn)(this.#nextTurn);
    }
    this.#send(packet, to, settled);
  }

  readonly #nextTurn = (): void => {
    this.#sentInTurn = 0;
    const end = Math.min(this.#waiting.length, this.#head + TURN_MAX);
    while (this.#head < end) {
      const { packet, to, settled } = this.#waiting[this.#head++]!;
      this.#sendNow(packet, to, settled);
    }
    if (this.#head === this.#waiting.length) {
      this.#waiting.length = 0;
      this.#head = 0;
    } else if (this.#head > this.#waiting.length / 2) {
      this.#waiting.splice(0, this.#head);
      this.#head = 0;
    }
  };
}

/**
 * Every line of the peer protocol from its opening to its end: sockets that were accepted or dialled, and streams of the
 * swarm. Until a connection is in use its line has a deadline, and those that are not authenticated are bounded in
 * number, but for dialled ones: a new one then displaces the oldest, because an honest handshake takes milliseconds
 * and a flood would else lock everybody out for the whole deadline.
 */
import { connect } from "node:net";
import type { Clock, Timer } from "../clock.ts";
import { LIMITS } from "../limits.ts";
import type { Address } from "../codec/address.ts";
import type { PeerId } from "../raft/entry.ts";
import {
  type Authenticated,
  Handshake,
  type HandshakeListener,
  type HandshakeOptions,
} from "./handshake.ts";
import type { Line } from "./line.ts";
import type { RefusalReason, TransportCounters } from "./statistics.ts";
import { TcpLine } from "./tcp_line.ts";

/** A line and how far it has come. */
export interface Passage {
  /** What was dialled; null for any other line. */
  readonly address: string | null;
  readonly line: Line;
  /** Who is at the other end, once Noise has told. */
  peer: PeerId | null;
  handshake: Handshake | null;
  deadline: Timer | null;
}

export interface EntranceListener {
  /** The line leads to this peer; the cluster key is not proven yet. */
  identified(passage: Passage, peer: PeerId): void;
  authenticated(passage: Passage, result: Authenticated): void;
  refused(passage: Passage, reason: RefusalReason): void;
  /** The line is closed. */
  ended(passage: Passage): void;
}

export class Entrance {
  readonly #options: HandshakeOptions;
  readonly #clock: Clock;
  readonly #counters: TransportCounters;
  readonly #listener: EntranceListener;
  readonly #passages = new Set<Passage>();
  /** Not dialled and not authenticated, oldest first. */
  readonly #strangers = new Set<Passage>();
  #isClosed = false;
  #emptied: (() => void) | null = null;

  constructor(
    options: HandshakeOptions,
    clock: Clock,
    counters: TransportCounters,
    listener: EntranceListener,
  ) {
    this.#options = options;
    this.#clock = clock;
    this.#counters = counters;
    this.#listener = listener;
  }

  /** Takes over a line that somebody opened to us, or that leads to somebody whom nobody named. */
  accept(line: Line): void {
    if (this.#isClosed) {
      line.destroy();
      return;
    }
    if (this.#strangers.size >= LIMITS.handshakesMax) {
      const [oldest] = this.#strangers;
      this.#expel(oldest!, "too_many", `more than ${LIMITS.handshakesMax} handshakes at once`);
    }
    const passage = this.#admit(line, null);
    this.#strangers.add(passage);
    this.#shakeHands(passage);
  }

  /** @param text the address as it was asked for, @param address what it says */
  dial(text: string, address: Address): void {
    const socket = connect({ host: address.host, port: address.port, noDelay: true });
    const passage = this.#admit(new TcpLine(socket, text), text);
    socket.once("connect", () => this.#shakeHands(passage));
  }

  /** The connection is in use: its deadline no longer counts. */
  arrived(passage: Passage): void {
    passage.deadline?.cancel();
    passage.deadline = null;
  }

  /** Resolves when every line is closed; those without a connection in use are closed at once. */
  close(isInUse: (passage: Passage) => boolean): Promise<void> {
    this.#isClosed = true;
    for (const passage of this.#passages) {
      if (!isInUse(passage)) passage.line.destroy();
    }
    if (this.#passages.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#emptied = resolve);
  }

  destroyAll(): void {
    for (const { line } of this.#passages) line.destroy();
  }

  #admit(line: Line, address: string | null): Passage {
    const passage: Passage = { address, line, peer: null, handshake: null, deadline: null };
    this.#passages.add(passage);
    passage.deadline = this.#clock.timer(LIMITS.handshakeTimeoutMs, () => {
      passage.deadline = null;
      this.#expel(passage, "timeout", `not trusted after ${LIMITS.handshakeTimeoutMs} ms`);
    });
    line.onceClosed(() => this.#ended(passage));
    return passage;
  }

  #shakeHands(passage: Passage): void {
    const listener: HandshakeListener = {
      identified: (peer) => {
        passage.peer = peer;
        this.#listener.identified(passage, peer);
      },
      authenticated: (result) => {
        this.#strangers.delete(passage);
        this.#listener.authenticated(passage, result);
      },
      refused: (reason, detail, byRemote) => {
        const { remote, isInitiator } = passage.line;
        const isDialFailure = isInitiator && reason === "aborted";
        if (byRemote) this.#counters.refusedBy(reason, remote);
        else if (!isDialFailure) this.#counters.refused(reason, remote, detail);
        this.#listener.refused(passage, reason);
      },
    };
    passage.handshake = new Handshake(passage.line, this.#options, listener);
  }

  #expel(passage: Passage, reason: RefusalReason, detail: string): void {
    this.#strangers.delete(passage);
    passage.handshake?.abort(reason, detail);
    passage.line.destroy();
  }

  #ended(passage: Passage): void {
    passage.deadline?.cancel();
    passage.deadline = null;
    this.#strangers.delete(passage);
    this.#passages.delete(passage);
    passage.handshake?.abort("aborted", "it closed before it was trusted");
    this.#listener.ended(passage);
    if (this.#passages.size === 0) this.#emptied?.();
  }
}

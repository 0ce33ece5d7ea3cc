/**
 * A line over a TCP socket. Noise runs on it as well: the messages that pass its gate are those of Noise, the secret
 * stream's header, and the proof.
 */
import type { Socket } from "node:net";
import { LIMITS } from "../limits.ts";
import { Gate } from "./gate.ts";
import type { Identity } from "./identity.ts";
import type { Line, LineMeasures, SecuredLine } from "./line.ts";
import { openSecretStream } from "./secret_stream.ts";

/** Messages up to and including the other side's proof. */
const MESSAGES_TO_INITIATOR = 3;
const MESSAGES_TO_RESPONDER = 4;

export class TcpLine implements Line {
  readonly way = "tcp";
  readonly isInitiator: boolean;
  readonly #socket: Socket;
  readonly #dialled: string | null;

  /** @param dialled the address as it was asked for; null for a socket that was accepted */
  constructor(socket: Socket, dialled: string | null = null) {
    this.#socket = socket;
    this.#dialled = dialled;
    this.isInitiator = dialled !== null;
    socket.on("error", () => {});
  }

  get remote(): string {
    return this.#dialled ?? `${this.#socket.remoteAddress}:${this.#socket.remotePort}`;
  }

  secure(identity: Identity): SecuredLine {
    const gate = new Gate(this.#socket, {
      messagesMax: this.isInitiator ? MESSAGES_TO_INITIATOR : MESSAGES_TO_RESPONDER,
      bytesMax: LIMITS.handshakeBytesMax,
    });
    return { gate, stream: openSecretStream(this.isInitiator, gate, identity) };
  }

  /** The system measures, and does not tell. */
  measures(): LineMeasures | null {
    return null;
  }

  onceClosed(ended: () => void): void {
    this.#socket.once("close", ended);
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/**
 * Other ends that do not behave: raw sockets that remember, and a peer that proves the cluster key like
 * any other and then sends whatever bytes the test likes.
 */
import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import { encode } from "../../src/codec/msgpack.ts";
import { type Authenticated, Handshake } from "../../src/net/handshake.ts";
import type { Identity } from "../../src/net/identity.ts";
import { deriveProofKey } from "../../src/net/proof.ts";
import { KIND } from "../../src/net/protocol.ts";
import { TcpLine } from "../../src/net/tcp_line.ts";
import { until } from "./real_time.ts";
import { CLUSTER_KEY, helloOf } from "./transports.ts";

export class RawSocket {
  readonly socket: Socket;
  isClosed = false;
  receivedBytes = 0;

  constructor(port: number) {
    this.socket = connect({ port, host: "127.0.0.1" });
    this.socket.on("error", () => {});
    this.socket.on("data", (chunk) => this.receivedBytes += chunk.length);
    this.socket.on("close", () => this.isClosed = true);
  }

  write(...bytes: number[]): void {
    this.socket.write(Uint8Array.from(bytes));
  }
}

export class RawPeer {
  readonly socket: Socket;
  isClosed = false;
  receivedBytes = 0;
  #authenticated: Authenticated | null = null;

  private constructor(port: number) {
    this.socket = connect({ port, host: "127.0.0.1" });
    this.socket.on("error", () => {});
    this.socket.on("close", () => this.isClosed = true);
  }

  /** Connects, proves the cluster key, and exchanges hellos, so that the other side takes it for a peer. */
  static async join(port: number, identity: Identity): Promise<RawPeer> {
    const peer = await RawPeer.authenticate(port, identity);
    peer.sendFrame([KIND.hello, helloOf("raw")]);
    await until(() => peer.receivedBytes > 0, "the other side said hello");
    return peer;
  }

  /** Connects and proves the cluster key; sends no frame. */
  static async authenticate(port: number, identity: Identity): Promise<RawPeer> {
    const peer = new RawPeer(port);
    new Handshake(new TcpLine(peer.socket, `127.0.0.1:${port}`), {
      identity,
      proofKey: deriveProofKey(CLUSTER_KEY),
      instance: Buffer.alloc(16, 1),
      versionNewest: 1,
      versionOldest: 1,
      features: [],
      isConnected: () => false,
    }, {
      identified() {},
      refused() {},
      authenticated: (result) => {
        peer.#authenticated = result;
        result.stream.on("data", (bytes) => peer.receivedBytes += bytes.length);
        result.open();
      },
    });
    await until(() => peer.#authenticated !== null || peer.isClosed, "the handshake is over");
    return peer;
  }

  send(bytes: Uint8Array): void {
    this.#authenticated!.stream.write(bytes);
  }

  sendFrame(frame: unknown): void {
    const body = encode(frame);
    const bytes = new Uint8Array(4 + body.length);
    new DataView(bytes.buffer).setUint32(0, body.length);
    bytes.set(body, 4);
    this.send(bytes);
  }

  /** Leaves what arrives in the socket from now on. */
  stopReading(): void {
    this.socket.pause();
  }

  close(): void {
    this.socket.destroy();
  }
}

/** Sockets and streams of one process, over the machine's own loopback. */
import { UDX, type UDXSocket, type UDXStream } from "../../src/udx/mod.ts";

/** Options of a stream that takes packets from everywhere. */
export const ACCEPT = { firewall: () => false };

export function bound(udx: UDX, host = "127.0.0.1"): UDXSocket {
  const socket = udx.createSocket();
  socket.bind(0, host);
  return socket;
}

/** Two streams with the ids 1 and 2, connected, a socket each. */
export function connected(
  udx: UDX,
  host = "127.0.0.1",
): { left: UDXStream; right: UDXStream; sockets: UDXSocket[] } {
  const sockets = [bound(udx, host), bound(udx, host)] as const;
  const [left, right] = [udx.createStream(1), udx.createStream(2)];
  left.connect(sockets[0], 2, sockets[1].address()!.port, host);
  right.connect(sockets[1], 1, sockets[0].address()!.port, host);
  return { left, right, sockets: [...sockets] };
}

/** @returns the error that it closed with, or null */
export function closeOf(stream: UDXStream): Promise<Error | null> {
  return new Promise((resolve) => {
    let error: Error | null = null;
    stream.on("error", (reason: Error) => void (error = reason));
    stream.on("close", () => resolve(error));
  });
}

export async function closeAll(sockets: readonly UDXSocket[]): Promise<void> {
  await Promise.all(sockets.map((socket) => socket.close()));
}

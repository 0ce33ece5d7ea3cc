/**
 * A Redis server without persistence, and clients that speak its protocol and nothing else: one connection each, one
 * command after the other, as a program's own would be.
 */
import { eventually, freePort, type Processes } from "../peers/processes.ts";

const encoder = new TextEncoder();
const VALUE = "x".repeat(98);
const CARRIAGE_RETURN = 13;

export interface RedisClients {
  operate(client: number, key: string, isRead: boolean): Promise<void>;
  stop(): void;
}

/** @param count how many clients; each is used by one caller at a time */
export async function startRedis(processes: Processes, count: number): Promise<RedisClients> {
  const port = freePort();
  // deno-fmt-ignore
  processes.start("redis-server", [
    "--bind", "127.0.0.1", "--port", String(port), "--dir", processes.directory,
    "--appendonly", "no", "--save", "",
  ], "redis");
  await eventually("Redis", 10_000, async () => {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
  });
  const connections = await Promise.all(
    Array.from({ length: count }, () => Deno.connect({ hostname: "127.0.0.1", port })),
  );
  for (const connection of connections) connection.setNoDelay(true);
  const buffers = connections.map(() => new Uint8Array(1_024));
  return {
    async operate(client, key, isRead) {
      const connection = connections[client]!;
      const words = isRead ? ["GET", key] : ["SET", key, VALUE];
      await connection.write(encoder.encode(commandOf(words)));
      const buffer = buffers[client]!;
      for (let length = 0; !isWhole(buffer, length);) {
        const read = await connection.read(buffer.subarray(length));
        if (read === null) throw new Error("Redis has ended");
        length += read;
      }
    },
    stop() {
      for (const connection of connections) connection.close();
    },
  };
}

function commandOf(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`;
}

/** Whether a bulk string, or a simple one, is here with its end. */
function isWhole(buffer: Uint8Array, length: number): boolean {
  const end = buffer.indexOf(CARRIAGE_RETURN);
  if (end < 0 || end + 1 >= length) return false;
  if (String.fromCharCode(buffer[0]!) !== "$") return true;
  const size = Number(new TextDecoder().decode(buffer.subarray(1, end)));
  return size < 0 || length >= end + 2 + size + 2;
}

/**
 * Looks at the Redis of a peer without taking anything: whether it can be used, what could be lost there, and whether
 * the peer's state lies there already, or a process has it open. The files themselves are read when the peer starts.
 */
import type { Logger } from "../../logger.ts";
import { SILENT } from "../../logger.ts";
import { StorageFailedError } from "../storage.ts";
import { REDIS_FORMAT } from "./owner.ts";
import { describeRedis } from "./redis_address.ts";
import { textOf, textsOf } from "./redis_client.ts";
import { REDIS_TIMEOUTS, RedisSession } from "./redis_session.ts";
import type { RedisStorageOptions } from "./redis_storage.ts";
import { askServer } from "./server_facts.ts";
import { judgeServer } from "./server_checks.ts";

export interface RedisReport {
  readonly state: "new" | "sound" | "running";
  /** Of all files. */
  readonly sizeBytes: number;
  readonly warnings: readonly string[];
}

/** @throws {StorageFailedError} by rejection, where a peer could not start with it */
export async function checkRedis(options: RedisStorageOptions): Promise<RedisReport> {
  const { address, keys, requireDurable } = options;
  const logger: Logger = SILENT;
  const session = new RedisSession({
    ...options,
    timeouts: { ...REDIS_TIMEOUTS, ...options.timeouts },
    logger,
    confirmed: () => {},
    failed: () => {},
  });
  try {
    await session.connect();
    const { refusal, warnings } = judgeServer(await askServer(session));
    const [first] = warnings;
    if (refusal !== null) {
      throw new StorageFailedError(`Redis at ${describeRedis(address)} ${refusal}`);
    }
    if (requireDurable && first !== undefined) throw new StorageFailedError(first);
    const owner = textOf(await session.ask("GET", keys.owner));
    if (owner !== "") return { state: "running", sizeBytes: 0, warnings };
    const found = await session.ask("HMGET", keys.state, "format", "refused");
    const [format = "", refused = ""] = textsOf(found);
    if (refused !== "") throw new StorageFailedError(refused);
    if (format !== "" && format !== String(REDIS_FORMAT)) {
      throw new StorageFailedError(`${keys.state} has format ${format}, not ${REDIS_FORMAT}`);
    }
    let sizeBytes = 0;
    for (const name of textsOf(await session.ask("SMEMBERS", keys.names))) {
      sizeBytes += Number(textOf(await session.ask("STRLEN", name)));
    }
    return { state: sizeBytes > 0 ? "sound" : "new", sizeBytes, warnings };
  } finally {
    session.close();
  }
}

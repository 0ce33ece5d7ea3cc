/**
 * Looks at the Redis that a cache is to stand in front of, without taking anything: whether it can be reached and used,
 * how it tells of changes, and what could be lost there.
 */
import type { Clock } from "../../clock.ts";
import type { Logger } from "../../logger.ts";
import type { Random } from "../../random.ts";
import type { WatchMode } from "./change_watch.ts";
import { FrontLink } from "./front_link.ts";
import type { RedisFrontOptions } from "./redis_front.ts";

export interface FrontReport {
  readonly watch: WatchMode;
  readonly warnings: readonly string[];
}

/** As long as a command may take. */
const PATIENCE_MS = 3_000;

/** @throws {SkeinError} by rejection, with what stands in the way */
export async function checkFront(
  options: RedisFrontOptions,
  edges: { readonly clock: Clock; readonly random: Random },
): Promise<FrontReport> {
  const warnings: string[] = [];
  const logger: Logger = {
    log: (level, message) => {
      if (level === "warn") warnings.push(message);
    },
  };
  const timeouts = { patienceMs: PATIENCE_MS, ...options.timeouts };
  const link = new FrontLink({ ...options, ...edges, logger, timeouts }, {
    changed() {},
    lost() {},
    stale() {},
  });
  try {
    await link.call(["PING"]);
    return { watch: link.watch ?? "ttl", warnings };
  } finally {
    link.close();
  }
}

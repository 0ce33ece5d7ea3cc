/**
 * Asks a Redis server what it says of itself, for `server_checks.ts` to judge. A server that does not tell its settings
 * is none the worse for it: managed ones often do not.
 */
import { textOf, textsOf } from "./redis_client.ts";
import type { RedisSession } from "./redis_session.ts";
import { ASKED_SETTINGS, type ServerFacts } from "./server_checks.ts";

/** @throws {StorageFailedError} by rejection, where the server cannot be reached */
export async function askServer(session: RedisSession): Promise<ServerFacts> {
  const info = textOf(await session.ask("INFO"));
  return { info, settings: await askSettings(session) };
}

async function askSettings(session: RedisSession): Promise<ReadonlyMap<string, string> | null> {
  const settings = new Map<string, string>();
  try {
    for (const name of ASKED_SETTINGS) {
      const [, value] = textsOf(await session.ask("CONFIG", "GET", name));
      if (value !== undefined) settings.set(name, value);
    }
  } catch (error) {
    if (session.failure !== null) throw error;
    return null;
  }
  return settings.size === 0 ? null : settings;
}

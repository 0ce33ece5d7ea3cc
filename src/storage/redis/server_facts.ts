/**
 * Asks a Redis server what it says of itself, for `server_checks.ts` to judge. A server that does not tell its settings
 * is none the worse for it: managed ones often do not.
 */
import { type RedisArgument, type RedisConnection, textOf, textsOf } from "./redis_client.ts";
import { ASKED_SETTINGS, type ServerFacts } from "./server_checks.ts";

/** What asks: a session of a store, or what is in its place elsewhere. */
export interface Asked {
  /** Not null: nothing will be answered any more. */
  readonly failure: Error | null;
  ask(...args: readonly RedisArgument[]): Promise<unknown>;
}

/** One connection, whose end is not taken for an answer. */
export function askedOver(connection: RedisConnection): Asked {
  let failure: Error | null = null;
  return {
    get failure() {
      return failure;
    },
    async ask(...args) {
      try {
        return await connection.call(args);
      } catch (error) {
        if ((error as Error).name !== "ReplyError") failure = error as Error;
        throw error;
      }
    },
  };
}

/** @throws {StorageFailedError} by rejection, where the server cannot be reached */
export async function askServer(session: Asked): Promise<ServerFacts> {
  const info = textOf(await session.ask("INFO"));
  return { info, settings: await askSettings(session) };
}

async function askSettings(session: Asked): Promise<ReadonlyMap<string, string> | null> {
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

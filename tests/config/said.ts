/** What somebody says of a configuration, and what becomes of it: loaded, or refused with one message. */
import assert from "node:assert/strict";
import { type Config, ConfigError, loadConfig, type Sources } from "../../src/config/mod.ts";

export const KEY = "a key of sixteen bytes and more";

export interface Said {
  readonly flags?: Sources["flags"];
  readonly environment?: Sources["environment"];
  readonly files?: Readonly<Record<string, string>>;
  readonly terminal?: boolean;
}

export function load(said: Said): Config {
  return loadConfig(sourcesOf(said));
}

export function sourcesOf(
  { flags = {}, environment = {}, files = {}, terminal = false }: Said,
): Sources {
  return {
    flags,
    environment,
    terminal,
    hostName: "anvil.example.org",
    readFile: (path) => {
      const content = files[path];
      if (content === undefined) throw new Error("no such file");
      return content;
    },
  };
}

/** The one message that the configuration is refused with. */
export function refusal(said: Said): string {
  try {
    load(said);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    assert.equal(error.problems.length, 1, error.message);
    return error.message;
  }
  assert.fail("the configuration was taken");
}

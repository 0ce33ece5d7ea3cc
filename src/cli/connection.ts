/**
 * How a command reaches the cluster: the options that all clients' commands share, and the client made of them.
 */
import { type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { SkeinClient } from "../client/mod.ts";
import { seconds } from "../config/formats.ts";
import { parseExactly } from "./exact_json.ts";
import { UsageError } from "./failure.ts";

const DEFAULT_URL = "http://127.0.0.1:8001";
const DEFAULT_RETRY = "5";
const RETRY = seconds(0, 60);

/** The options' values, as Commander names them. */
interface ConnectionOptions {
  readonly url: string;
  readonly token?: string;
  readonly retry: string;
}

/** Adds --url, --token and --retry. */
export function addConnectionOptions(command: CommandUnknownOpts): void {
  const options = [
    new Option("--endpoint, --url <URL>", "peers to ask, several with commas")
      .env("SKEIN_URL").default(DEFAULT_URL),
    new Option("--token <TOKEN>", "the cluster's token").env("SKEIN_TOKEN"),
    new Option("--retry <SECONDS>", "for how long to try again while no peer can answer")
      .default(DEFAULT_RETRY),
  ];
  for (const option of options) command.addOption(option.helpGroup("Connection:"));
}

/**
 * @param command the command that was called, with the connection's options
 * @param owner whose locks they are; the client's own random name where absent
 * @throws {UsageError} where an option cannot be used
 */
export function connect(command: CommandUnknownOpts, owner?: string): SkeinClient {
  const { url, token, retry } = command.opts() as unknown as ConnectionOptions;
  const retryMs = RETRY.parse(retry);
  if (retryMs === null) {
    throw new UsageError(`--retry: cannot use "${retry}"; allowed: ${RETRY.allowed}`);
  }
  return new SkeinClient({
    urls: urlsIn(url),
    retryMs,
    parse: parseExactly,
    ...(token === undefined || token === "" ? {} : { token }),
    ...(owner === undefined ? {} : { owner }),
  });
}

/** @returns the first URL that the command line or the environment names; null where neither does */
export function namedUrl(command: CommandUnknownOpts): string | null {
  if (command.getOptionValueSource("url") === "default") return null;
  const { url } = command.opts() as unknown as ConnectionOptions;
  return urlsIn(url)[0] ?? "";
}

function urlsIn(list: string): string[] {
  const urls = list.split(/[\s,]+/).filter((part) => part !== "");
  return urls.map((part) => part.includes("://") ? part : `http://${part}`);
}

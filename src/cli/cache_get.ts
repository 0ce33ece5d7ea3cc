/**
 * `skein cache get`: prints a value as JSON. Where there is none the exit code is 1; with --fill that may mean that this
 * caller is the one to compute it, and the token to put it with is told.
 */
import { Command } from "@commander-js/extra-typings";
import type { CacheRead } from "../client/mod.ts";
import { readCacheTtl, readFillWait } from "./arguments.ts";
import { KEY_ARGUMENT, KEY_HELP } from "./cache_options.ts";
import { addConnectionOptions, connect } from "./connection.ts";
import { EXIT } from "./exit_codes.ts";
import { Exit, UsageError } from "./failure.ts";
import { examples, JSON_FLAG, JSON_HELP, printWire } from "./output.ts";

export function define() {
  const command = new Command()
    .argument(KEY_ARGUMENT, KEY_HELP)
    .option("--raw", "of a JSON string print its text")
    .option("--fill", "where there is no value: be the one to compute it, or wait for who is")
    .option(
      "--wait <SECONDS>",
      "with --fill: how long to wait for who is (default: 0)",
      readFillWait,
    )
    .option("--fill-ttl <SECONDS>", "with --fill: time to compute it (default: 30)", readCacheTtl)
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText(
      "after",
      examples(
        "skein cache get user:7",
        "skein cache get user:7 --json | jq .version",
        "skein cache get report --fill --wait 10 --json",
      ),
    );
  addConnectionOptions(command);
  return command.action(async (key, { raw = false, fill = false, wait, fillTtl, json }) => {
    if (!fill && (wait !== undefined || fillTtl !== undefined)) {
      throw new UsageError("--wait and --fill-ttl are for --fill");
    }
    const read = await connect(command).cache.get(key, {
      fill,
      ...(wait === undefined ? {} : { waitMs: wait }),
      ...(fillTtl === undefined ? {} : { fillTtlMs: fillTtl }),
    });
    if (json === true || read.status !== "miss") {
      printWire(json, readDocument(key, read), () => valueText(read.value, raw));
    } else {
      console.error(missText(key, read));
    }
    if (read.status === "miss") throw new Exit(EXIT.refused);
  });
}

function valueText(value: unknown, raw: boolean): string {
  return raw && typeof value === "string" ? value : JSON.stringify(value);
}

function missText(key: string, { fillToken }: CacheRead): string {
  const miss = `skein: ${JSON.stringify(key)} has no value`;
  if (fillToken === null) return miss;
  return `${miss}; to fill it: skein cache put KEY VALUE --fill-token ${fillToken}`;
}

/** With the value as it was put: its fields are nobody's to rename. */
function readDocument(key: string, read: CacheRead): object {
  return {
    success: true,
    key,
    status: read.status,
    state: read.state,
    version: read.version,
    expires_at: read.expiresAt,
    value: read.value,
    ...(read.status === "miss" ? { fill_token: read.fillToken } : {}),
  };
}

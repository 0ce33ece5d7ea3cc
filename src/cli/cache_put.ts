/**
 * `skein cache put`: writes a value, from the command line or from standard input. With a condition that does not hold
 * nothing is written, and the exit code is 1.
 */
import { Command } from "@commander-js/extra-typings";
import { readCacheTtl } from "./arguments.ts";
import { KEY_ARGUMENT, KEY_HELP, valueOf } from "./cache_options.ts";
import { addConnectionOptions, connect } from "./connection.ts";
import { UsageError } from "./failure.ts";
import { examples, JSON_FLAG, JSON_HELP, printWire } from "./output.ts";

export function define() {
  const command = new Command()
    .argument(KEY_ARGUMENT, KEY_HELP)
    .argument("[VALUE]", "JSON; without it standard input, to its end")
    .option("--text", "the value is text and not JSON")
    .option("--ttl <SECONDS>", "no value any more after so long (default: for ever)", readCacheTtl)
    .option("--durable", "answer only when the write is committed: it is never lost")
    .option("--if-version <VERSION>", "write only over this version")
    .option("--if-absent", "write only where there is no value")
    .option("--fill-token <TOKEN>", "what `cache get --fill` gave")
    .option("--request-id <ID>", "so that the same write can be sent again; makes it durable")
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText(
      "after",
      examples(
        'skein cache put user:7 \'{"name":"Ann"}\'',
        "skein cache put motd --text hello --ttl 60",
        "skein cache put counter 8 --if-version 5.1.3 --durable",
        "skein cache put report --fill-token 5.17 < report.json",
      ),
    );
  addConnectionOptions(command);
  return command.action(async (key, given, options) => {
    const { text = false, ttl, durable, ifVersion, ifAbsent, fillToken, requestId, json } = options;
    if (ifVersion !== undefined && ifAbsent === true) {
      throw new UsageError("--if-version and --if-absent are two conditions: give one");
    }
    const condition = ifAbsent === true ? null : ifVersion;
    const client = connect(command);
    const { version, state } = await client.cache.put(key, await valueOf(given, text), {
      ...(ttl === undefined ? {} : { ttlMs: ttl }),
      ...(durable === undefined ? {} : { durable }),
      ...(condition === undefined ? {} : { ifVersion: condition }),
      ...(fillToken === undefined ? {} : { fillToken }),
      ...(requestId === undefined ? {} : { requestId }),
    });
    const document = { success: true, key, status: "written", state, version };
    printWire(json, document, () => `wrote version ${version} of ${key}`);
  });
}

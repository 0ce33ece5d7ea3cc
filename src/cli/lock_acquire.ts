/**
 * `skein lock acquire`: takes a lock, or waits for it. The lock stays until its lease ends, or somebody releases
 * it; `lock run` is the safer way to hold one while a command runs.
 */
import { Command, Option } from "@commander-js/extra-typings";
import { readTtl, readWait } from "./arguments.ts";
import { addConnectionOptions, connect } from "./connection.ts";
import { addOwnerOption, describeGrant } from "./lock_options.ts";
import { examples, JSON_FLAG, JSON_HELP, print } from "./output.ts";

export function define() {
  const command = new Command()
    .argument("<RESOURCE>", "what is locked")
    .addOption(
      new Option("--mode <MODE>", "how it is locked").choices(["exclusive", "shared"] as const)
        .default("exclusive" as const),
    )
    .option("--wait <SECONDS>", "how long to wait while others hold it", readWait, 0)
    .option("--ttl <SECONDS>", "how long the lease lasts (default: the peers' --lock-ttl)", readTtl)
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText(
      "after",
      examples(
        "skein lock acquire nightly-report --wait 10 --ttl 60",
        "skein lock acquire nightly-report --owner worker-1 --json",
      ),
    );
  addOwnerOption(command);
  addConnectionOptions(command);
  return command.action(async (resource, { mode, wait, ttl, json }) => {
    const { owner } = command.opts() as unknown as { readonly owner: string };
    const grant = await connect(command, owner).locks.acquire(resource, {
      mode,
      waitMs: wait,
      ...(ttl === undefined ? {} : { ttlMs: ttl }),
    });
    print(json, { success: true, ...grant }, () => describeGrant("acquired", grant));
  });
}

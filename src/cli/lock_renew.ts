/**
 * `skein lock renew`: makes a lease last longer, from now on. It fails when the lease has ended already, whoever
 * holds the lock by then.
 */
import { Command } from "@commander-js/extra-typings";
import { readFencingToken, readTtl } from "./arguments.ts";
import { addConnectionOptions, connect } from "./connection.ts";
import { addOwnerOption, describeGrant } from "./lock_options.ts";
import { examples, JSON_FLAG, JSON_HELP, print } from "./output.ts";

export function define() {
  const command = new Command()
    .argument("<RESOURCE>", "what is locked")
    .option("--fencing-token <N>", "renew only the grant of this token", readFencingToken)
    .option("--ttl <SECONDS>", "how long from now (default: as at acquire)", readTtl)
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText("after", examples("skein lock renew nightly-report --ttl 60"));
  addOwnerOption(command);
  addConnectionOptions(command);
  return command.action(async (resource, { fencingToken, ttl, json }) => {
    const { owner } = command.opts() as unknown as { readonly owner: string };
    const held = { resource, owner, ...(fencingToken === undefined ? {} : { fencingToken }) };
    const grant = await connect(command, owner).locks.renew(
      held,
      ttl === undefined ? {} : { ttlMs: ttl },
    );
    print(json, { success: true, ...grant }, () => describeGrant("renewed", grant));
  });
}

/**
 * `skein lock release`: gives a lock back. With a fencing token only the grant of that token is released, so a
 * script that was too slow does not take the lock from whoever holds it now under the same owner.
 */
import { Command } from "@commander-js/extra-typings";
import { readFencingToken } from "./arguments.ts";
import { addConnectionOptions, connect } from "./connection.ts";
import { addOwnerOption } from "./lock_options.ts";
import { examples, JSON_FLAG, JSON_HELP, print } from "./output.ts";

export function define() {
  const command = new Command()
    .argument("<RESOURCE>", "what is locked")
    .option("--fencing-token <N>", "release only the grant of this token", readFencingToken)
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText("after", examples("skein lock release nightly-report --fencing-token 17"));
  addOwnerOption(command);
  addConnectionOptions(command);
  return command.action(async (resource, { fencingToken, json }) => {
    const { owner } = command.opts() as unknown as { readonly owner: string };
    const held = { resource, owner, ...(fencingToken === undefined ? {} : { fencingToken }) };
    await connect(command, owner).locks.release(held);
    print(json, { success: true, resource, owner }, () => `released ${resource} as ${owner}`);
  });
}

/**
 * `skein members drain PEER`: all partitions leave a member, which serves what it still has, so that it can be
 * stopped or removed without that anything is ever below the number of replicas that is wanted.
 */
import { Command } from "@commander-js/extra-typings";
import type { SkeinClient } from "../client/mod.ts";
import { SkeinError } from "../errors.ts";
import { addConnectionOptions, connect } from "./connection.ts";
import { UsageError } from "./failure.ts";
import { examples, JSON_FLAG, JSON_HELP, print } from "./output.ts";

const LOOK_INTERVAL_MS = 500;

export function define() {
  const command = new Command()
    .argument("<PEER>", "name or id of the member")
    .option("--undo", "partitions may lie there again")
    .option("--wait", "until nothing is left there")
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText(
      "after",
      examples(
        "skein members drain peer-3",
        "skein members drain peer-3 --wait && skein members remove peer-3",
        "skein members drain peer-3 --undo",
      ),
    );
  addConnectionOptions(command);
  return command.action(async (member, { undo = false, wait = false, json }) => {
    if (undo && wait) throw new UsageError("--wait is not for --undo");
    const client = connect(command);
    await client.drainMember(member, { undo });
    if (wait) await emptied(client, member);
    print(json, { success: true, member, draining: !undo }, () => {
      if (undo) return `${member} takes partitions again`;
      if (wait) return `${member} holds nothing any more`;
      return `partitions leave ${member}: see how with skein status --watch`;
    });
  });
}

/** Resolves once the member holds no partition. */
async function emptied(client: SkeinClient, idOrName: string): Promise<void> {
  for (;;) {
    const { members } = await client.cluster();
    const member = members.find(({ id, name }) => id === idOrName || name === idOrName);
    if (member === undefined) throw new SkeinError("NOT_FOUND", `${idOrName} is no member now`);
    if (!member.draining) {
      throw new SkeinError("CONFLICT", `${idOrName} is no longer to be drained`);
    }
    if (member.replicas === 0) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL_MS));
  }
}

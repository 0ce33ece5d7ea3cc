/**
 * `skein members remove PEER`: for good. Refused while partitions need it; drained before, nothing is ever
 * below the number of replicas that is wanted.
 */
import { Command } from "@commander-js/extra-typings";
import { addConnectionOptions, connect } from "./connection.ts";
import { examples, JSON_FLAG, JSON_HELP, print } from "./output.ts";

export function define() {
  const command = new Command()
    .argument("<PEER>", "name or id of the member")
    .option("--force", "even where what only this member has is lost for good")
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText(
      "after",
      "\nIt never comes back under its identity: with an empty data directory it can join anew.\n" +
        "A member that is alive is best drained first: skein members drain PEER --wait\n" +
        examples("skein members remove peer-3", "skein members remove peer-3 --force"),
    );
  addConnectionOptions(command);
  return command.action(async (member, { force = false, json }) => {
    await connect(command).removeMember(member, { force });
    print(json, { success: true, member }, () => `${member} was removed`);
  });
}

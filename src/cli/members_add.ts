/**
 * `skein members add ADDRESS`: for a peer that no list names. The asked peer dials it until it is a member; it has to
 * run, with the cluster's key, and be empty.
 */
import { Command } from "@commander-js/extra-typings";
import { readWait } from "./arguments.ts";
import { addConnectionOptions, connect } from "./connection.ts";
import { examples, JSON_FLAG, JSON_HELP, print } from "./output.ts";

const WAIT_DEFAULT_MS = 30_000;

export function define() {
  const command = new Command()
    .argument("<ADDRESS>", "host:port of its peer protocol")
    .option("--wait <SECONDS>", "until it is a member (default: 30)", readWait)
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText(
      "after",
      "\nStart the peer with the cluster's key and --expect 0 (or a list of peers), and with\n" +
        "--listen and --advertise so that the others can dial it.\n" +
        examples("skein members add 10.0.0.4:7001", "skein members add 10.0.0.4:7001 --wait 300"),
    );
  addConnectionOptions(command);
  return command.action(async (address, { wait = WAIT_DEFAULT_MS, json }) => {
    const added = await connect(command).addMember(address, { waitMs: wait });
    const text = `${added.member} ${added.wasMember ? "was a member already" : "is a member now"}`;
    print(json, { success: true, ...added }, () => text);
  });
}

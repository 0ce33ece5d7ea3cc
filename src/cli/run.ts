/**
 * `skein run`: one peer in this process, until somebody asks it to stop. Here is its command line, and the ear for
 * signals; what takes longer to load is loaded behind that. `--check` looks whether it could start, and starts nothing.
 */
import { Command, type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { loadConfig } from "../config/mod.ts";
import { SIGNAL_OFFSET } from "./exit_codes.ts";
import { Exit } from "./failure.ts";
import { giveUpRights } from "./give_up_rights.ts";
import { HangUps } from "./hang_ups.ts";
import { examples, JSON_FLAG } from "./output.ts";
import { SERVE_ADDRESS_ENVIRONMENT } from "./rights.ts";
import { addSettingFlags, processSources, settingFlags } from "./settings_flags.ts";
import { onStopSignals, SIGNAL_NUMBERS } from "./stop_signals.ts";

export function define() {
  const command: CommandUnknownOpts = new Command()
    .option(JSON_FLAG, "print one JSON document once it listens, or of what --check found")
    .option(
      "--check",
      "say whether it could start, with all that is in its way; start and write nothing",
    )
    .addOption(
      new Option("--parent-pipe", "stop when standard input closes").hideHelp(),
    )
    .addHelpText(
      "after",
      examples(
        "skein run",
        "skein run --config /etc/skein.json --check",
        "CLUSTER_KEY_FILE=cluster.key skein run --http 0.0.0.0:8001 --listen 0.0.0.0:7001 \\\n" +
          "      --advertise http://10.0.0.1:8001 --peers 10.0.0.1:7001,10.0.0.2:7001,10.0.0.3:7001",
      ),
    );
  addSettingFlags(command, () => true);
  return command.action(async () => {
    // Without it in the environment a peer listens where its settings say, and nowhere else.
    Deno.env.delete(SERVE_ADDRESS_ENVIRONMENT);
    const options = command.opts();
    const json = options["json"] === true;
    if (options["check"] === true) {
      const sources = processSources(settingFlags(options));
      const { printRunCheck } = await import("./run_check.ts");
      await import("../storage/redis/check.ts");
      giveUpRights(["run"], "begun");
      return await printRunCheck(sources, json);
    }
    const asked = stopAsked(options["parentPipe"] === true);
    const hangUps = new HangUps();
    const config = loadConfig(processSources(settingFlags(options)));
    const { runPeer } = await import("./run_peer.ts");
    // What it is made of looks into the environment when it is loaded.
    if (config.redis !== null) await import("../storage/redis/redis_storage.ts");
    if (config.cacheRedis !== null) await import("../cache/redis/redis_front.ts");
    if (config.swarm !== null) await import("../discovery/hyperswarm.ts");
    giveUpRights(["run"], "begun");
    throw new Exit(await runPeer(config, { json, asked, hangUps }));
  });
}

/** Resolves with the reason once somebody asks for a stop; asking again ends the process at once. */
function stopAsked(parentPipe: boolean): Promise<string> {
  const asked = Promise.withResolvers<string>();
  onStopSignals({
    stop: (signal) => asked.resolve(signal),
    stopNow: (signal) => Deno.exit(SIGNAL_OFFSET + SIGNAL_NUMBERS[signal]!),
  });
  if (parentPipe) void standardInputClosed().then(() => asked.resolve("the parent's pipe closed"));
  return asked.promise;
}

async function standardInputClosed(): Promise<void> {
  const buffer = new Uint8Array(256);
  while (await Deno.stdin.read(buffer) !== null);
}

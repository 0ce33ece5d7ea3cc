/**
 * `skein version`: the version of the program and of what runs it; nothing is asked of any peer.
 */
import { Command } from "@commander-js/extra-typings";
import { VERSION } from "../version.ts";
import { examples, JSON_FLAG, JSON_HELP, print } from "./output.ts";

export function define() {
  return new Command()
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText("after", examples("skein version", "skein version --json"))
    .action(({ json }) => {
      const { deno, v8 } = Deno.version;
      const document = { success: true, version: VERSION, deno, v8, target: Deno.build.target };
      print(json, document, () => `skein ${VERSION} (deno ${deno}, ${Deno.build.target})`);
    });
}

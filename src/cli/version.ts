/**
 * `skein version`: the version of the program, what it was built from and what runs it; nothing is asked of any
 * peer.
 */
import { Command } from "@commander-js/extra-typings";
import { BUILD } from "../build_info.ts";
import { VERSION } from "../version.ts";
import { examples, JSON_FLAG, JSON_HELP, print } from "./output.ts";

const COMMIT_LENGTH = 12;

export function define() {
  return new Command()
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText("after", examples("skein version", "skein version --json"))
    .action(({ json }) => {
      const { deno, v8 } = Deno.version;
      const { target } = Deno.build;
      const document = {
        success: true,
        version: VERSION,
        commit: BUILD?.commit ?? null,
        date: BUILD?.date ?? null,
        form: BUILD?.form ?? "source",
        deno,
        v8,
        target,
      };
      print(json, document, () => `skein ${VERSION} (deno ${deno}, ${target}; ${origin()})`);
    });
}

/** What this copy was built from, as far as it says. */
function origin(): string {
  if (BUILD === null) return "source";
  const { commit, date, form } = BUILD;
  const [hash = "", dirty] = commit.split("-");
  const short = hash.slice(0, COMMIT_LENGTH) + (dirty === undefined ? "" : `-${dirty}`);
  return `${form}, built from ${short} of ${date.slice(0, 10)}`;
}

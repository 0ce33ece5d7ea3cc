/**
 * `skein keygen`: a cluster key of 32 random bytes, in base64url. Nothing is stored: whoever starts the peers
 * gives it to each of them, best as a file that CLUSTER_KEY_FILE names.
 */
import { Command } from "@commander-js/extra-typings";
import { examples, JSON_FLAG, JSON_HELP, print } from "./output.ts";

const KEY_BYTES = 32;

export function define() {
  return new Command()
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText("after", examples("skein keygen > cluster.key", "skein keygen --json"))
    .action(({ json }) => {
      const clusterKey = generateClusterKey();
      print(json, { success: true, cluster_key: clusterKey }, () => clusterKey);
    });
}

/** 43 characters that fit a shell, a URL and an environment variable. */
export function generateClusterKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

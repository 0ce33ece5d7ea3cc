import { LogStorage } from "../../src/storage/log/log_storage.ts";
import { conformance, type Medium } from "./conformance.ts";
import { VALUE_FILE_BYTES_MAX, valueConformance } from "./value_conformance.ts";

async function makeMedium(): Promise<Medium> {
  const directory = await Deno.makeTempDir({ prefix: "skein-log-" });
  const limits = { reserveBytes: 0, valueFileBytesMax: VALUE_FILE_BYTES_MAX };
  return {
    instance: () => new LogStorage({ directory, limits }),
    remove: () => Deno.remove(directory, { recursive: true }),
  };
}

conformance("log", makeMedium);
valueConformance("log", makeMedium);

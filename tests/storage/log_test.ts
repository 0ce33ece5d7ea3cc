import { LogStorage } from "../../src/storage/log/log_storage.ts";
import { conformance } from "./conformance.ts";

conformance("log", async () => {
  const directory = await Deno.makeTempDir({ prefix: "skein-log-" });
  return {
    instance: () => new LogStorage({ directory, limits: { reserveBytes: 0 } }),
    remove: () => Deno.remove(directory, { recursive: true }),
  };
});

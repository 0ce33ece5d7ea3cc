/** An embedded log over a file system that a test may crash. */
import { LogStorage } from "../../src/storage/log/log_storage.ts";
import type { Recovered } from "../../src/storage/storage.ts";
import type { CrashFileSystem } from "./crash_file_system.ts";
import { IDENTITY } from "./records.ts";

export const DIRECTORY = "/store";
export const LIMITS = { reserveBytes: 0, preallocationBytes: 64 };

export async function opened(
  fileSystem: CrashFileSystem,
  limits = LIMITS,
): Promise<{ storage: LogStorage; recovered: Recovered }> {
  const storage = new LogStorage({ directory: DIRECTORY, fileSystem, limits });
  const recovered = await storage.open();
  if (recovered.identity === null) await storage.create(IDENTITY);
  return { storage, recovered };
}

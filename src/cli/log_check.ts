/**
 * `skein log check DIR`: verifies the embedded log of a peer that is not running, and prints what it holds. It comes
 * to the verdict that starting the peer would, and changes nothing. Damage is exit code 4; a torn tail is none,
 * for it is what a crash leaves and what starting cuts.
 */
import { Command } from "@commander-js/extra-typings";
import { checkLog, type CheckReport } from "../storage/log/check.ts";
import { StorageCorruptError, StorageForeignError, StorageInUseError } from "../storage/storage.ts";
import { UsageError } from "./failure.ts";
import { examples, JSON_FLAG, JSON_HELP, print, table } from "./output.ts";

type Sound = CheckReport & { readonly verdict: "sound" };

export function define() {
  return new Command()
    .argument("<DIR>", "the peer's data directory")
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText("after", examples("skein log check ./skein-data/cluster/peer-1"))
    .action(async (directory, { json }) => {
      const report = await check(directory);
      const text = await describe(directory, report);
      print(json, { success: true, ...report }, () => text);
    });
}

/** @throws {Error} one of the storage's own where it is not sound, as starting a peer would */
async function check(directory: string): Promise<Sound> {
  const found = await Deno.stat(directory).catch(() => null);
  if (found?.isDirectory !== true) {
    throw new UsageError(`cannot check ${directory}; allowed: a peer's data directory`);
  }
  const report = await checkLog(directory);
  switch (report.verdict) {
    case "sound":
      return report;
    case "corrupt":
      throw new StorageCorruptError(report.message, report.file, report.offsetBytes);
    case "foreign":
      throw new StorageForeignError(report.message);
    case "inUse":
      throw new StorageInUseError(report.message);
  }
}

async function describe(directory: string, report: Sound): Promise<string> {
  if (report.storeId === null) {
    return `${directory} is sound: empty, no peer has started with it yet`;
  }
  const { segments, groups, tombstones, properties, tornTail, sizeBytes, storeId } = report;
  const parts = [
    `${directory} is sound: ${sizeBytes} bytes, store ${storeId}`,
    await table(
      ["segment", "bytes", "batches", "records", ""],
      segments.map((segment) => [
        segment.file.replace(`${directory}/`, ""),
        segment.sizeBytes,
        segment.batches,
        segment.records,
        segment.toBeMade ? "made when the peer starts" : "",
      ]),
    ),
    groups.length === 0 ? "no groups" : await table(
      ["group", "replica", "term", "commit", "entries", "snapshot", "value bytes"],
      groups.map((group) => [
        group.group,
        group.replica ?? "",
        group.term,
        group.commitIndex,
        `${group.firstIndex}..${group.lastIndex}`,
        group.snapshot === null ? "none" : `${group.snapshot.index} (${group.snapshot.file})`,
        group.valueBytes,
      ]),
    ),
  ];
  for (const { group, lowestReplica } of tombstones) {
    parts.push(`group ${group} was removed; replicas from ${lowestReplica} on may come`);
  }
  if (properties.length > 0) {
    parts.push(`properties: ${properties.map(({ name }) => name).join(", ")}`);
  }
  if (tornTail !== null) {
    const { file, offsetBytes, sizeBytes: tornBytes } = tornTail;
    parts.push(
      `torn tail: ${file} from ${offsetBytes}, ${tornBytes} bytes; cut when the peer starts`,
    );
  }
  return parts.join("\n\n");
}

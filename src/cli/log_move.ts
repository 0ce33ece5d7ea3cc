/**
 * `skein log move --from DIR --to redis://…`, or back: moves the state of a peer that is not running, verified at its
 * new place as starting the peer would. It is never at both: the place that it left says where it went.
 */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { loadSettings, readPem, type SettingSources } from "../config/mod.ts";
import { SILENT } from "../logger.ts";
import { REAL_CLOCK } from "../peer/real_clock.ts";
import { Random } from "../random.ts";
import { DenoFileSystem } from "../storage/log/deno_file_system.ts";
import { type MovePlace, moveStore } from "../storage/log/move.ts";
import { RedisMemory } from "../storage/redis/owner.ts";
import { parseRedisUrl, type RedisAddress } from "../storage/redis/redis_address.ts";
import { redisKeys } from "../storage/redis/redis_keys.ts";
import { RedisPlace } from "../storage/redis/redis_place.ts";
import { UsageError } from "./failure.ts";
import { giveUpRights } from "./give_up_rights.ts";
import { moveBar } from "./move_bar.ts";
import { examples, JSON_FLAG, JSON_HELP, print } from "./output.ts";
import { addSettingFlags, settingFlags, settingSources } from "./settings_flags.ts";

/** Stands for the Redis of the settings, so that its password need not be on a command line, which others can see. */
const SETTINGS_REDIS = "redis:";
/** After which settings the keys in Redis are named, and how it is reached. */
const SETTINGS = ["name", "clusterKey", "redisCa"] as const;
const FLAGS: readonly string[] = ["name", "cluster-key", "redis-ca", "config"];

interface Place extends MovePlace {
  close(): Promise<void>;
}

interface Named {
  readonly peer: string | null;
  readonly clusterKey: string | null;
  readonly certificates: string | null;
}

export function define() {
  const command: CommandUnknownOpts = new Command()
    .requiredOption(
      "--from <PLACE>",
      `a data directory, the URL of a Redis, or ${SETTINGS_REDIS} for that of REDIS_URL_FILE`,
    )
    .requiredOption("--to <PLACE>", "the same: an empty one, or one that was left before")
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText(
      "after",
      examples(
        "skein log move --from /data --to redis://10.0.0.5 --name a --cluster-key KEY",
        "skein log move --from redis: --to /data --name a --config /etc/skein.json",
      ),
    );
  addSettingFlags(command, ({ flag }) => FLAGS.includes(flag));
  return command.action(async () => {
    const options = command.opts() as Readonly<Record<string, unknown>>;
    const [from, to] = [String(options["from"]), String(options["to"])];
    const json = options["json"] === true;
    const sources = settingSources(settingFlags(options));
    const { name: peer, clusterKey, redisCa } = loadSettings(SETTINGS, sources);
    const certificates = redisCa === null ? null : readPem(sources.readFile, redisCa, "--redis-ca");
    const named = { peer, clusterKey, certificates };
    const ends = [["--from", from], ["--to", to]] as const;
    const [source, target] = ends.map(([flag, text]) => {
      return placeOf(flag, text, text === SETTINGS_REDIS ? redisOf(flag, sources) : null, named);
    });
    giveUpRights(["log", "move"], "begun");
    const moved = await move(source!, target!, json);
    print(
      json,
      { success: true, ...moved },
      () =>
        `moved ${moved.groups} groups in ${moved.files} files, ${moved.bytes} bytes, ` +
        `from ${moved.from} to ${moved.to}; verified`,
    );
  });
}

async function move(from: () => Promise<Place>, to: () => Promise<Place>, json: boolean) {
  const source = await from();
  try {
    const target = await to();
    try {
      const bar = moveBar(json);
      const moved = await moveStore(source, target, (progress) => bar.show(progress))
        .finally(() => bar.end());
      return { ...moved, from: source.name, to: target.name };
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** @throws {UsageError} where the settings name none */
function redisOf(flag: string, sources: SettingSources): RedisAddress {
  const { redis } = loadSettings(["redis"], sources);
  if (redis !== null) return redis;
  throw new UsageError(
    `${flag} ${SETTINGS_REDIS} is the Redis of the settings, which name none: give REDIS_URL_FILE ` +
      "or REDIS_URL, or redis in the file of --config",
  );
}

/**
 * @param configured the Redis of the settings, where that is the place
 * @returns what opens the place; the command line is judged at once
 */
function placeOf(
  flag: string,
  text: string,
  configured: RedisAddress | null,
  named: Named,
): () => Promise<Place> {
  const address = configured ?? parseRedisUrl(text);
  if (address !== null) return redisPlace(flag, address, named);
  if (/^rediss?(?:-\w+)?:/.test(text)) {
    throw new UsageError(`cannot use the value of ${flag}; allowed: a directory, or redis://…`);
  }
  return async () => {
    if (flag === "--from") {
      const found = await Deno.stat(text).catch(() => null);
      if (found?.isDirectory !== true) throw new UsageError(`there is no directory ${text}`);
    }
    const close = () => Promise.resolve();
    return { fileSystem: new DenoFileSystem(), directory: text, name: text, close };
  };
}

function redisPlace(
  flag: string,
  address: RedisAddress,
  { peer, clusterKey, certificates }: Named,
): () => Promise<Place> {
  if (peer === null) {
    throw new UsageError(`${flag} is a Redis, whose keys are named after the peer: give --name`);
  }
  return async () => {
    const place = new RedisPlace({
      address,
      certificates,
      keys: redisKeys(clusterKey, peer),
      requireDurable: false,
      peer,
      memory: new RedisMemory(),
      clock: REAL_CLOCK,
      random: new Random(...crypto.getRandomValues(new Uint32Array(3))),
      randomBytes: (sizeBytes) => crypto.getRandomValues(new Uint8Array(sizeBytes)),
      logger: {
        log: (level, message) => {
          if (level === "warn") console.error(`skein: warning: ${message}`);
          else SILENT.log(level, message);
        },
      },
    });
    await place.open();
    return place;
  };
}

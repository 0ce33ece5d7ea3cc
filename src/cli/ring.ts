/**
 * `skein ring [KEY]`: where one key hashes to and which partition it belongs to, or the whole ring: each peer's
 * share, and where the partitions are wanted. All of it is what the ring wants, as the asked peer knows it.
 */
import { Command, Option } from "@commander-js/extra-typings";
import type { PlacedPeer, RingAnswer, RingKeyAnswer } from "../client/mod.ts";
import { PARTITIONED_KINDS } from "../ring/partition_of.ts";
import { addConnectionOptions, connect } from "./connection.ts";
import { examples, JSON_FLAG, JSON_HELP, print, table } from "./output.ts";

const HASH_HELP = `
Keys, peers' virtual nodes (NAME-vn0, NAME-vn1, …) and partitions are hashed with MurmurHash3 x86-32,
seed 0, of their UTF-8 bytes.`;

export function define() {
  const command = new Command()
    .argument("[KEY]", "what to look up; without it the whole ring is shown")
    .addOption(
      new Option("--kind <KIND>", "whose partition is meant").choices(PARTITIONED_KINDS)
        .default("queue"),
    )
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText("after", HASH_HELP)
    .addHelpText("after", examples("skein ring", "skein ring orders", "skein ring a --kind cache"));
  addConnectionOptions(command);
  return command.action(async (key, { kind, json }) => {
    const client = connect(command);
    if (key !== undefined) {
      const answer = await client.ringKey(key, { kind });
      print(json, { success: true, ...answer }, () => describeKey(answer));
      return;
    }
    const answer = await client.ring();
    const text = await describeRing(answer);
    print(json, { success: true, ...answer }, () => text);
  });
}

function describeKey(answer: RingKeyAnswer): string {
  const facts = [
    ["key", answer.key],
    ["hash", `${answer.hash} (${answer.hashFunction})`],
    ["on the ring", names(answer.preference)],
    ["partition", `${answer.partition} (${answer.kind})`],
    ["wanted on", names(answer.wantedReplicas)],
    ["preferred leader", answer.preferredLeader?.name ?? "none"],
  ] as const;
  const width = Math.max(...facts.map(([fact]) => fact.length));
  return facts.map(([fact, value]) => `${fact.padEnd(width)}  ${value}`).join("\n");
}

async function describeRing({ hashFunction, peers, partitions }: RingAnswer): Promise<string> {
  const byName = peers.toSorted((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
  const peerRows = byName.map((peer) => [
    peer.name,
    peer.zone,
    peer.weight,
    peer.virtualNodes,
    `${(100 * peer.share).toFixed(1)} %`,
    peer.wantedReplicas,
    peer.preferredLeader,
    peer.id.slice(0, 8),
  ]);
  const partitionRows = partitions.map(({ partition, hash, preferredLeader, wantedReplicas }) => [
    partition,
    hash,
    preferredLeader?.name ?? "none",
    names(wantedReplicas),
  ]);
  const heads = ["name", "zone", "weight", "nodes", "share", "partitions", "to lead", "id"];
  return [
    `hash: ${hashFunction}`,
    "",
    await table(heads, peerRows),
    "",
    await table(["partition", "hash", "preferred leader", "wanted on"], partitionRows),
  ].join("\n");
}

function names(peers: readonly PlacedPeer[]): string {
  return peers.map(({ name }) => name).join(", ");
}

/**
 * Metrics of where the partitions are: the system leader's view, as it told this peer last, so the same at
 * every peer; not shown where nothing was heard of it lately. What was moved is counted by the peer that did.
 */
import type { Site } from "./endpoint.ts";
import { nameOf } from "./leader.ts";
import type { MetricSet } from "./metric_set.ts";
import type { PlacementView } from "../placement/placement_view.ts";

export function addPlacement(metrics: MetricSet, { peer }: Site): void {
  const gauge = (
    name: string,
    help: string,
    labelNames: readonly string[],
    read: (view: PlacementView, report: Report) => void,
  ) =>
    metrics.gauge({
      name,
      help,
      labelNames,
      read: (report) => peer.placement === null ? undefined : read(peer.placement, report),
    });
  gauge(
    "skein_partitions",
    "partitions, by what is the case with them",
    ["state"],
    (view, report) => {
      report(view.leaders.filter((leader) => leader !== null).length, { state: "led" });
      report(view.deviating, { state: "not_as_wanted" });
      report(view.unavailable.length, { state: "unavailable" });
    },
  );
  gauge(
    "skein_placement_replicas",
    "replicas of all partitions, as many as should be, and those that are there",
    ["state"],
    (view, report) => {
      report(view.replicasWanted, { state: "wanted" });
      report(view.replicasPresent, { state: "present" });
    },
  );
  gauge(
    "skein_placement_moves_under_way",
    "replicas that are being built",
    [],
    (view, report) => report(view.moves.length),
  );
  gauge(
    "skein_placement_held",
    "partitions that a peer has a replica of",
    ["peer"],
    (view, report) => {
      for (const [id, count] of view.held) report(count, { peer: nameOf(peer, id) });
    },
  );
  gauge("skein_placement_leaders", "partitions that a peer leads", ["peer"], (view, report) => {
    for (const { id, name } of peer.members.view().members) {
      report(view.leaders.filter((leader) => leader === id).length, { peer: name });
    }
  });
  metrics.counter({
    name: "skein_placement_moves_total",
    help: "replicas that were built at this peer's word, as the system leader",
    read: (report) => report(peer.placementCounts.moved),
  });
  metrics.counter({
    name: "skein_placement_changes_failed_total",
    help: "changes of placement that failed at this peer's word; they are decided anew",
    read: (report) => report(peer.placementCounts.failed),
  });
}

type Report = (value: number, labels?: Record<string, string>) => void;

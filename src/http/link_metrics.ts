/**
 * Metrics of the connections to other peers: over which way each goes, how its peer came to be known, and what is
 * measured of it. What a connection counts begins anew with the next one to that peer, so these are gauges.
 */
import type { LinkView } from "../net/link_view.ts";
import type { Site } from "./endpoint.ts";
import { nameOf } from "./leader.ts";
import type { MetricSet } from "./metric_set.ts";

export function addLinks(metrics: MetricSet, { peer }: Site): void {
  const gauge = (
    name: string,
    help: string,
    labelNames: readonly string[],
    read: (
      link: LinkView,
      report: (value: number, labels?: Record<string, string>) => void,
    ) => void,
  ) =>
    metrics.gauge({
      name,
      help,
      labelNames: ["peer", ...labelNames],
      read(report) {
        for (const link of peer.transportStatistics().links) {
          const name = nameOf(peer, link.peer);
          read(link, (value, labels = {}) => report(value, { peer: name, ...labels }));
        }
      },
    });
  const measure = (name: string, help: string, value: (link: LinkView) => number | null) =>
    gauge(name, help, ["way"], (link, report) => {
      const measured = value(link);
      if (measured !== null) report(measured, { way: link.way });
    });
  gauge(
    "skein_transport_way",
    "1 for the way over which a peer is connected",
    ["way"],
    ({ way }, report) => report(1, { way }),
  );
  gauge(
    "skein_transport_found_by",
    "1 for each way in which this peer came to know a connected one",
    ["by"],
    ({ foundBy }, report) => {
      for (const by of foundBy) report(1, { by });
    },
  );
  measure(
    "skein_transport_round_trip_seconds",
    "round trip to a connected peer",
    ({ roundTripMs }) => roundTripMs === null ? null : roundTripMs / 1_000,
  );
  measure(
    "skein_transport_retransmissions",
    "packets that the present connection sent again, where it goes over the swarm",
    ({ retransmissions }) => retransmissions,
  );
  measure(
    "skein_transport_congestion_window_packets",
    "packets that may be on their way at once, where the connection goes over the swarm",
    ({ congestionWindowPackets }) => congestionWindowPackets,
  );
}

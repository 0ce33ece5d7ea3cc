/**
 * GET /metrics in Prometheus' text form. Everything is read when it is scraped: between scrapes metrics
 * cost nothing but the plain counters of `request_counters.ts`. prom-client's default metrics are left out,
 * because their event-loop monitor alone takes 0.65 % of a core on an idle peer.
 */
import process from "node:process";
import { createRoute, z } from "@hono/zod-openapi";
import { addCache } from "./cache_metrics.ts";
import type { Endpoint, Site } from "./endpoint.ts";
import { addEvents } from "./event_metrics.ts";
import { addLinks } from "./link_metrics.ts";
import { MetricSet } from "./metric_set.ts";
import { addPlacement } from "./placement_metrics.ts";
import { addRequests } from "./request_metrics.ts";
import type { GroupStatus } from "../groups/groups.ts";
import type { QueueCounters, QueueStatistics } from "../queue/queue_counters.ts";
import type { StorageStatistics } from "../storage/storage.ts";

function addGroups(metrics: MetricSet, { peer }: Site): void {
  const perGroup = (name: string, help: string, value: (status: GroupStatus) => number) =>
    metrics.gauge({
      name,
      help,
      labelNames: ["group"],
      read(report) {
        for (const group of peer.groups.groups()) {
          const status = peer.groups.status(group);
          if (status !== null) report(value(status), { group });
        }
      },
    });
  perGroup(
    "skein_raft_leader",
    "1 where this peer leads the group",
    ({ role }) => Number(role === "leader"),
  );
  perGroup(
    "skein_raft_has_leader",
    "1 where a leader is known",
    ({ leader }) => Number(leader !== null),
  );
  perGroup("skein_raft_term", "current term", ({ term }) => term);
  perGroup("skein_raft_commit_index", "last committed entry", ({ commitIndex }) => commitIndex);
  perGroup("skein_raft_applied_index", "last applied entry", ({ appliedIndex }) => appliedIndex);
  perGroup("skein_raft_last_index", "last entry of the log", ({ lastIndex }) => lastIndex);
  perGroup("skein_raft_asleep", "1 while the group hibernates", ({ asleep }) => Number(asleep));
  perGroup(
    "skein_raft_voters",
    "voters of the group",
    ({ configuration }) => configuration.voters.length,
  );
  metrics.gauge({
    name: "skein_raft_state",
    help: "1 for the role that this peer has in the group",
    labelNames: ["group", "role"],
    read(report) {
      for (const group of peer.groups.groups()) {
        const status = peer.groups.status(group);
        if (status !== null) report(1, { group, role: status.role });
      }
    },
  });
}

function addPeer(metrics: MetricSet, { peer }: Site): void {
  metrics.gauge({
    name: "skein_info",
    help: "always 1; says who this is",
    labelNames: ["name", "version"],
    read: (report) => report(1, { name: peer.name, version: peer.version }),
  });
  metrics.gauge({
    name: "skein_healthy",
    help: "1 where /health answers 200",
    read: (report) => report(Number(peer.health().healthy)),
  });
  metrics.gauge({
    name: "skein_members",
    help: "members by this peer's opinion of them",
    labelNames: ["state"],
    read(report) {
      const counts = { alive: 0, suspect: 0, dead: 0 };
      for (const member of peer.members.view().members) counts[member.state] += 1;
      for (const [state, count] of Object.entries(counts)) report(count, { state });
    },
  });
  metrics.gauge({
    name: "skein_cluster_warnings",
    help: "what skein status warns of, as this peer sees the cluster",
    read: (report) => report(peer.members.view().warnings.length),
  });
  metrics.counter({
    name: "skein_log_lines_lost_total",
    help: "lines of the log that could not be written",
    read: (report) => report(peer.logger.linesLost?.() ?? 0),
  });
  metrics.gauge({
    name: "skein_locks_held",
    help: "grants in force",
    read: (report) => report(peer.lockStatistics().held),
  });
  metrics.gauge({
    name: "skein_locks_waiting",
    help: "callers who wait for a lock",
    read: (report) => report(peer.lockStatistics().waiting),
  });
}

function addQueue(metrics: MetricSet, { peer }: Site): void {
  const add = (
    kind: "gauge" | "counter",
    name: string,
    help: string,
    value: (statistics: QueueStatistics) => number,
  ) => metrics[kind]({ name, help, read: (report) => report(value(peer.queueStatistics())) });
  add(
    "gauge",
    "skein_queue_messages",
    "messages of any state in the partitions that this peer leads",
    ({ messages }) => messages,
  );
  add(
    "gauge",
    "skein_queue_consumers",
    "consumers whose requests wait at this peer",
    ({ consumers }) => consumers,
  );
  add(
    "gauge",
    "skein_queue_waiting",
    "consumers of all peers that wait for lanes that this peer leads",
    ({ waiting }) => waiting,
  );
  const counted: Readonly<Record<keyof QueueCounters, readonly [string, string]>> = {
    published: ["published", "messages that were published here"],
    duplicates: ["duplicates", "messages that were published here before, by their ids"],
    delivered: ["delivered", "deliveries to consumers here"],
    handedBack: ["handed_back", "deliveries to consumers here who had gone away"],
    acknowledged: ["acknowledged", "deliveries that were acknowledged here"],
    refused: ["refused", "deliveries that were handed back here: nack"],
    redelivered: [
      "redelivered",
      "deliveries that were not acknowledged in time, in the partitions that this peer led",
    ],
    deadLettered: ["dead_lettered", "messages that died in the partitions that this peer led"],
  };
  for (const [key, [word, help]] of Object.entries(counted)) {
    const name = `skein_queue_${word}_total`;
    add("counter", name, help, (statistics) => statistics[key as keyof QueueCounters]);
  }
}

function addTransport(metrics: MetricSet, { peer }: Site): void {
  metrics.counter({
    name: "skein_handshakes_refused_total",
    help: "connections to the peer port that were refused",
    labelNames: ["reason"],
    read(report) {
      const { handshakesRefused } = peer.transportStatistics();
      for (const [reason, count] of Object.entries(handshakesRefused)) report(count, { reason });
    },
  });
  metrics.gauge({
    name: "skein_transport_connections",
    help: "peers that are connected",
    read: (report) => report(peer.transportStatistics().connections),
  });
  metrics.counter({
    name: "skein_transport_bytes_total",
    help: "bytes between peers",
    labelNames: ["direction"],
    read(report) {
      const { bytesSent, bytesReceived } = peer.transportStatistics();
      report(bytesSent, { direction: "sent" });
      report(bytesReceived, { direction: "received" });
    },
  });
  metrics.counter({
    name: "skein_transport_messages_dropped_total",
    help: "messages to peers that were dropped, because a queue was full or a connection away",
    read: (report) => report(peer.transportStatistics().messagesDropped),
  });
  metrics.counter({
    name: "skein_transport_frames_malformed_total",
    help: "frames of trusted peers that were not of the protocol; each cost its connection",
    read: (report) => report(peer.transportStatistics().framesMalformed),
  });
}

function addStorage(metrics: MetricSet, { peer }: Site): void {
  const add = (
    kind: "gauge" | "counter",
    name: string,
    help: string,
    value: (statistics: StorageStatistics) => number,
  ) =>
    metrics[kind]({
      name,
      help,
      read(report) {
        const statistics = peer.storageStatistics();
        if (statistics !== null) report(value(statistics));
      },
    });
  add("counter", "skein_storage_batches_total", "batches written", ({ batches }) => batches);
  add("counter", "skein_storage_records_total", "records written", ({ records }) => records);
  add("counter", "skein_storage_bytes_total", "bytes written", ({ bytes }) => bytes);
  add("counter", "skein_storage_fsyncs_total", "fsyncs of the log", ({ fsyncs }) => fsyncs);
  add(
    "counter",
    "skein_storage_fsync_seconds_total",
    "time in fsync",
    ({ fsyncMs }) => fsyncMs / 1000,
  );
  add("gauge", "skein_storage_segments", "segments on disk", ({ segments }) => segments);
  add("gauge", "skein_storage_size_bytes", "bytes on disk", ({ sizeBytes }) => sizeBytes);
}

function addProcess(metrics: MetricSet): void {
  metrics.gauge({
    name: "process_resident_memory_bytes",
    help: "resident memory",
    read: (report) => report(process.memoryUsage().rss),
  });
  metrics.gauge({
    name: "process_heap_bytes",
    help: "JavaScript heap in use",
    read: (report) => report(process.memoryUsage().heapUsed),
  });
  metrics.counter({
    name: "process_cpu_seconds_total",
    help: "CPU time, user and system",
    read(report) {
      const { user, system } = process.cpuUsage();
      report((user + system) / 1e6);
    },
  });
}

/** The route that monitoring scrapes. */
export function metricsEndpoints(site: Site): readonly Endpoint[] {
  const metrics = new MetricSet();
  addPeer(metrics, site);
  addGroups(metrics, site);
  addPlacement(metrics, site);
  addQueue(metrics, site);
  addCache(metrics, site);
  addEvents(metrics, site);
  addRequests(metrics, site);
  addTransport(metrics, site);
  addLinks(metrics, site);
  addStorage(metrics, site);
  addProcess(metrics);
  const headers = { "content-type": metrics.registry.contentType };
  return [{
    route: createRoute({
      method: "get",
      path: "/metrics",
      tags: ["health"],
      summary: "Metrics for Prometheus",
      responses: {
        200: { description: "The metrics", content: { "text/plain": { schema: z.string() } } },
      },
    }),
    access: "token",
    handle: async () => new Response(await metrics.registry.metrics(), { headers }),
  }];
}

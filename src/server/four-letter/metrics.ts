import { readdirSync, readFileSync } from "node:fs";
import type { ServerView } from "../server-view.js";

export interface Metric {
  /** Without the `zk_` that both mntr and the metrics endpoint put in front. */
  readonly name: string;
  readonly value: number;
  readonly help: string;
  readonly kind: "gauge" | "counter";
}

function openFileDescriptors(): number | undefined {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return undefined;
  }
}

function maxFileDescriptors(): number | undefined {
  try {
    const match = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"));
    return match ? Number(match[1]) : undefined;
  } catch {
    return undefined;
  }
}

/** The figures of a server under upstream's names (mntr); read afresh at each call. */
export function collectMetrics(view: ServerView): readonly Metric[] {
  const { core, store, sessions } = view;
  const { statistics } = core;
  const syncs = view.syncStatistics();
  const metrics: Metric[] = [];
  const add = (kind: Metric["kind"], name: string, value: number | undefined, help: string): void => {
    if (value !== undefined) metrics.push({ kind, name, value, help });
  };
  add("gauge", "avg_latency", Math.round(statistics.latencyMeanMs * 1e4) / 1e4, "mean latency of requests, ms");
  add("gauge", "max_latency", Math.round(statistics.latencyMaxMs), "highest latency of a request, ms");
  const minimum = Number.isFinite(statistics.latencyMinMs) ? Math.floor(statistics.latencyMinMs) : 0;
  add("gauge", "min_latency", minimum, "lowest latency of a request, ms");
  add("counter", "packets_received", statistics.receivedCount, "packets received from clients");
  add("counter", "packets_sent", statistics.sentCount, "packets sent to clients");
  add("gauge", "num_alive_connections", core.connections.size, "open client connections");
  add("gauge", "outstanding_requests", core.outstandingCount, "writes accepted and not answered yet");
  add("gauge", "znode_count", store.nodeCount, "znodes in the tree");
  add("gauge", "watch_count", core.watches.count, "watches set");
  add("gauge", "ephemerals_count", store.ephemeralsCount, "ephemeral znodes");
  add("gauge", "approximate_data_size", store.approximateDataBytes, "bytes of paths and data");
  add("gauge", "open_file_descriptor_count", openFileDescriptors(), "open file descriptors");
  add("gauge", "max_file_descriptor_count", maxFileDescriptors(), "limit of open file descriptors");
  add("gauge", "global_sessions", sessions.count, "sessions");
  add("gauge", "local_sessions", 0, "local sessions, which this server does not have");
  add("counter", "uptime", Math.round(performance.now() - view.startedMs), "ms since the start");
  add("counter", "cnt_fsynctime", syncs.syncs, "syncs of the transaction log");
  add("counter", "sum_fsynctime", Math.round(syncs.syncMicrosTotal / 1_000), "time spent in them, ms");
  add("counter", "log_written_bytes", syncs.writtenBytes, "bytes appended to the transaction log");
  add("counter", "commit_count", core.transactionCount, "transactions since the start");
  const ensemble = view.ensemble();
  add("gauge", "quorum_size", ensemble?.voters, "servers that vote");
  const leader = ensemble?.leader;
  add("gauge", "learners", leader?.learners, "followers and observers connected to this leader");
  add("gauge", "synced_followers", leader?.syncedFollowers, "followers at the history of this leader");
  add("gauge", "synced_observers", leader?.syncedObservers, "observers at the history of this leader");
  add("gauge", "synced_non_voting_followers", leader && 0, "followers without a vote, which there are none of");
  add("gauge", "pending_syncs", leader?.pendingSyncs, "syncs that clients wait for");
  add("counter", "leader_uptime", leader && Math.round(leader.uptimeMs), "ms since this leader serves");
  const sizes = leader?.proposalSizes;
  add("gauge", "last_proposal_size", sizes?.last, "size of the last proposal, bytes; -1 before the first");
  add("gauge", "max_proposal_size", sizes?.max, "size of the largest proposal, bytes; -1 before the first");
  add("gauge", "min_proposal_size", sizes?.min, "size of the smallest proposal, bytes; -1 before the first");
  const gateway = view.gateway();
  add("counter", "http_gateway_requests", gateway?.requests, "requests to the HTTP gateway");
  add("counter", "http_gateway_client_errors", gateway?.clientErrors, "of them answered with a 4xx status");
  add("counter", "http_gateway_server_errors", gateway?.serverErrors, "of them answered with a 5xx status");
  add("counter", "http_gateway_streams_cut", gateway?.streamsCut, "readers of events that did not keep up");
  add("gauge", "http_gateway_connections", gateway?.connections, "open HTTP connections");
  add("gauge", "http_gateway_sessions", gateway?.sessions, "sessions of HTTP clients");
  add("gauge", "http_gateway_streams", gateway?.streams, "open streams of events");
  const { rss, heapUsed } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  add("gauge", "process_resident_memory_bytes", rss, "resident memory of the process, bytes");
  add("gauge", "process_heap_used_bytes", heapUsed, "memory in use by JavaScript objects, bytes");
  add("counter", "process_cpu_ms", Math.round((user + system) / 1_000), "CPU time of the process, ms");
  return metrics;
}

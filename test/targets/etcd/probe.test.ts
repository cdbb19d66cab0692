import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSyncs, roleOf } from "../../../src/targets/etcd/probe.js";

const LEADER = { header: { member_id: "10501334649042878790" }, version: "3.7.3", leader: "10501334649042878790" };

test("the role follows from whom the member takes for the leader", () => {
  assert.equal(roleOf(LEADER, 3), "leader");
  assert.equal(roleOf(LEADER, 1), "standalone");
  assert.equal(roleOf({ ...LEADER, leader: "10501334649042878791" }, 3), "follower", "one apart in 64 bits");
  assert.equal(roleOf({ ...LEADER, leader: "1", isLearner: true }, 3), "observer");
});

test("a member without a leader does not serve", () => {
  const { leader: _, ...without } = LEADER;
  assert.equal(roleOf(without, 3), "unreachable");
  assert.equal(roleOf({ ...LEADER, leader: "0" }, 3), "unreachable");
  assert.equal(roleOf(undefined, 3), "unreachable");
});

test("syncs are those of the log and two for each commit of the backend", () => {
  const metrics = `# TYPE etcd_disk_wal_fsync_duration_seconds histogram
etcd_disk_wal_fsync_duration_seconds_bucket{le="+Inf"} 106
etcd_disk_wal_fsync_duration_seconds_sum 0.19
etcd_disk_wal_fsync_duration_seconds_count 106
etcd_disk_backend_commit_duration_seconds_count 18
`;
  assert.equal(parseSyncs(metrics), 142);
  assert.equal(parseSyncs("etcd_disk_wal_fsync_duration_seconds_count 106\n"), undefined);
});

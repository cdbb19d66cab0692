import assert from "node:assert/strict";
import { test } from "node:test";
import { parseInfo, roleOf } from "../../../src/targets/redis/probe.js";

const PRIMARY = `# Server\r\nredis_version:7.0.15\r\nos:Linux 6.1 a:b\r\n\r\n# Persistence\r\nloading:0\r\n
# Replication\r\nrole:master\r\nconnected_slaves:2\r\n`;
const REPLICA = "loading:0\r\nrole:slave\r\nmaster_link_status:up\r\n";

test("INFO is lines of names and values", () => {
  const info = parseInfo(PRIMARY);
  assert.equal(info.get("redis_version"), "7.0.15");
  assert.equal(info.get("os"), "Linux 6.1 a:b");
  assert.equal(info.has("# Server"), false);
});

test("a server serves once its data is loaded, a replica once it has its primary's", () => {
  const role = (text: string, servers?: number) => roleOf(parseInfo(text), servers);
  assert.equal(role(PRIMARY, 1), "standalone");
  assert.equal(role(PRIMARY, 3), "leader");
  assert.equal(role(PRIMARY), "leader", "of the replicas that it counts");
  assert.equal(role(PRIMARY.replace("slaves:2", "slaves:0")), "standalone");
  assert.equal(role(REPLICA, 3), "follower");
  assert.equal(role(REPLICA.replace("up", "down"), 3), "unreachable");
  assert.equal(role(PRIMARY.replace("loading:0", "loading:1"), 1), "unreachable");
  assert.equal(role("", 1), "unreachable");
});

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { test } from "node:test";
import { portsInUse, reserveLoopbackPorts } from "../../../src/targets/process/ports.js";

test("ports are different, held until released, and free then", async () => {
  const reservations = await reserveLoopbackPorts(20);
  const ports = reservations.map((reservation) => reservation.port);
  assert.equal(new Set(ports).size, 20);
  assert.deepEqual(await portsInUse(ports), ports, "held");
  for (const reservation of reservations) await reservation.release();
  assert.deepEqual(await portsInUse(ports), [], "free");
  await reservations[0]!.release();
});

test("a port is none that the system gives to outgoing connections", {
  skip: process.platform !== "linux",
}, async () => {
  const lowest = Number.parseInt(readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8"), 10);
  const reservations = await reserveLoopbackPorts(30);
  for (const { port, release } of reservations) {
    if (lowest > 22_000) assert.ok(port < lowest, `port ${port} is below ${lowest}`);
    await release();
  }
});

test("a port that something listens on is told from a free one", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  assert.deepEqual(await portsInUse([address.port]), [address.port]);
  server.close();
});

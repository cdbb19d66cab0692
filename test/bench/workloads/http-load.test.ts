import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { nowMicros } from "../../../src/bench/load/clock.js";
import type { LoadJob, LoadReport, LoadWindow, SecondReport } from "../../../src/bench/load/load.js";
import type { HttpOperation } from "../../../src/bench/profile/profile.js";
import { dialectOf, storedValue } from "../../../src/bench/workloads/http/dialect.js";
import { HttpLoad } from "../../../src/bench/workloads/http/http-load.js";
import type { TargetDriver } from "../../../src/targets/driver.js";
import { LoadShared } from "../../../src/workers/load-shared.js";

interface Served {
  readonly port: number;
  /** What each connection asked for, by its port. */
  readonly seen: Map<number, string[]>;
  /** Resolves once every one of so many connections has asked for so much. */
  asked(connections: number, requests: number): Promise<void>;
  /** Resolves once all connections together have. */
  askedInAll(requests: number): Promise<void>;
}

/** Answers as the core's gateway does, from memory; `spoil` may answer otherwise, and says whether it did. */
async function serve(
  context: TestContext,
  spoil: (request: IncomingMessage, response: ServerResponse, count: number) => boolean = () => false,
): Promise<Served> {
  const values = new Map<string, string>();
  const seen = new Map<number, string[]>();
  let count = 0;
  const waiting = new Set<() => void>();
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const path = request.url!.split("?")[0]!;
    if (request.headers["user-agent"] === undefined) {
      const port = request.socket.remotePort!;
      seen.set(port, [...(seen.get(port) ?? []), `${request.method} ${request.url}`]);
      count++;
      for (const look of waiting) look();
      if (spoil(request, response, count)) return;
    }
    if (request.method === "PUT") values.set(path, body);
    response.writeHead(values.has(path) ? 200 : 404).end(values.get(path));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const reached = (isEnough: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      waiting.add(() => {
        if (isEnough()) resolve();
      });
    });
  const asked = (connections: number, requests: number): Promise<void> =>
    reached(() => [...seen.values()].filter(({ length }) => length >= requests).length >= connections);
  const askedInAll = (requests: number): Promise<void> => reached(() => count >= requests);
  return { port: (server.address() as AddressInfo).port, seen, asked, askedInAll };
}

function jobFor(port: number, overrides: Partial<LoadJob> = {}): LoadJob {
  return {
    driver: { module: "", factory: "", parameters: [] },
    members: [],
    http: [{ host: "127.0.0.1", port }],
    root: "/root",
    workload: { kind: "http", operations: { read: 3, write: 1 } },
    keys: 1,
    httpKeys: 20,
    valueBytes: 50,
    distribution: "uniform",
    connections: 4,
    depth: 1,
    loop: { kind: "closed" },
    sessionTimeoutMs: 5_000,
    seed: 7,
    workers: 1,
    shared: new LoadShared(1, 0).memory,
    ...overrides,
  } as LoadJob;
}

/** Until `enough`. */
async function run(job: LoadJob, enough: Promise<void>, seconds: SecondReport[] = []): Promise<LoadReport> {
  const driver = { target: "core" } as TargetDriver;
  const loads = Array.from({ length: job.workers }, (_, worker) => new HttpLoad(job, driver, worker));
  await Promise.all(loads.map((load) => load.open()));
  const running = Promise.all(loads.map((load) => load.run(windowOf(30_000, seconds))));
  await Promise.race([enough, running]);
  for (const load of loads) load.endNow(1_000);
  const [report] = await running;
  return report!;
}

function windowOf(millis: number, seconds: SecondReport[] = []): LoadWindow {
  const startMicros = nowMicros();
  return {
    startMicros,
    recordMicros: startMicros,
    endMicros: startMicros + millis * 1_000,
    drainMs: 1_000,
    onSecond: (batch) => void seconds.push(...batch.seconds),
  };
}

describe("a load over HTTP", () => {
  it("counts every answer once, and compares what it reads with what it wrote", async (context) => {
    const server = await serve(context);
    const { port, seen } = server;
    const seconds: SecondReport[] = [];
    const { operations, checks, disconnects } = await run(jobFor(port), server.asked(4, 100), seconds);
    assert.deepEqual(
      operations.map(({ name, errors }) => [name, errors]),
      [
        ["read", {}],
        ["write", {}],
      ],
    );
    assert.equal(disconnects, 0);
    const [read, write] = operations.map(({ ok }) => ok) as [number, number];
    const answered = [...seen.values()].flat();
    const reads = answered.filter((request) => request.startsWith("GET")).length;
    assert.ok(read > 0 && read <= reads, `${read} of ${reads} reads`);
    // What went out after the end, until autocannon stops, is nobody's.
    assert.ok(read + write <= answered.length && write > 0);
    assert.equal(seen.size, 4);
    assert.equal(checks[0]!.name, "http-values");
    assert.ok(checks[0]!.observations > 0);
    assert.equal(checks[0]!.violations, 0, checks[0]!.detail);
    const bySecond = (name: string): number =>
      seconds.filter(({ operation }) => operation === name).reduce((sum, { ok }) => sum + ok, 0);
    assert.deepEqual([bySecond("read"), bySecond("write")], [read, write]);
  });

  it("finds an answer that is not what was written", async (context) => {
    const { port, askedInAll } = await serve(context, (request, response, count) => {
      if (request.method !== "GET" || count < 50) return false;
      response.end(storedValue(99, 50));
      return true;
    });
    const { checks } = await run(jobFor(port), askedInAll(400));
    assert.ok(checks[0]!.violations > 0);
    assert.match(checks[0]!.detail, /^read of \/znodes\/root\/http-\d{8}: '00000099:/);
  });

  it("names what failed: other statuses, lost connections, no answer at all", async (context) => {
    const { port, askedInAll } = await serve(context, (request, response, count) => {
      if (count % 10 === 3) response.writeHead(503).end();
      else if (count % 10 === 6) request.socket.end();
      else if (count === 28) return true;
      else return false;
      return true;
    });
    const { operations, disconnects } = await run(
      jobFor(port, { workload: { kind: "http", operations: { read: 1 } } }),
      askedInAll(200),
    );
    const { ok, errors } = operations[0]!;
    assert.ok(ok > 0);
    assert.ok(errors["HTTP_503"]! > 0 && errors["CONNECTIONLOSS"]! > 0, JSON.stringify(errors));
    assert.equal(errors["UNANSWERED"], 1);
    assert.ok(disconnects >= errors["CONNECTIONLOSS"]!);
  });

  it("sends the same requests for the same seed, connection by connection, however many workers there are", async (context) => {
    const sequences = async (workers: number): Promise<string[]> => {
      const { port, seen, asked } = await serve(context);
      const shared = new LoadShared(workers, 0).memory;
      await run(jobFor(port, { workers, shared }), asked(4, 10));
      return [...seen.values()].map((requests) => requests.slice(0, 10).join(" ")).sort();
    };
    const once = await sequences(1);
    assert.equal(new Set(once).size, 4, "no two connections send the same");
    assert.deepEqual(await sequences(1), once);
    assert.deepEqual(await sequences(2), once);
  });

  it("asks each target as its users do, for the same key and the same bytes", () => {
    const key = "/root/http-00000003";
    const value = storedValue(3, 20);
    assert.equal(value, "00000003:00000003:00");
    const core = (operation: HttpOperation) => dialectOf("core").request(operation, key, value);
    assert.deepEqual([core("read").method, core("read").path], ["GET", `/znodes${key}`]);
    assert.equal(core("readLinearizable").path, `/znodes${key}?sync=true`);
    assert.deepEqual([core("write").method, core("write").body], ["PUT", value]);
    const etcd = (operation: HttpOperation): Record<string, string> =>
      JSON.parse(dialectOf("etcd").request(operation, key, value).body) as Record<string, string>;
    const decode = (text: string | undefined): string => Buffer.from(text ?? "", "base64").toString();
    assert.deepEqual([decode(etcd("write")["key"]), decode(etcd("write")["value"])], [key, value]);
    assert.equal(etcd("read")["serializable"], true);
    assert.equal(etcd("readLinearizable")["serializable"], undefined);
    const answer = JSON.stringify({ kvs: [{ value: Buffer.from(value).toString("base64") }], count: "1" });
    assert.equal(dialectOf("etcd").valueOf(answer), value);
    assert.equal(dialectOf("etcd").valueOf('{"header":{}}'), undefined);
    assert.equal(dialectOf("etcd").valueOf("<html>"), undefined);
  });
});

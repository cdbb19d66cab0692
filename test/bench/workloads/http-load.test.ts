import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { addPacked, createHistogram } from "../../../src/bench/histogram.js";
import { nowMicros } from "../../../src/bench/load/clock.js";
import { failureName } from "../../../src/bench/load/failure.js";
import type { LoadJob, LoadReport, LoadWindow, SecondReport } from "../../../src/bench/load/load.js";
import type { HttpOperation } from "../../../src/bench/profile/profile.js";
import { dialectOf } from "../../../src/bench/workloads/http/dialect.js";
import { HttpLoad } from "../../../src/bench/workloads/http/http-load.js";
import { parseStamp, STAMP_BYTES, stampedValue } from "../../../src/bench/workloads/http/stamped-value.js";
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

interface StoredNode {
  readonly value: string;
  readonly version: number;
  readonly mzxid: number;
}

/** What a server that does not do as it says does instead; what is undefined it does. */
interface Lie {
  /** Whether a write is answered and not done; with its count from 1. */
  loses?(path: string, count: number): boolean;
  /** What is read in place of the znode at `path`; `before` is what it was before its last write. */
  shows?(path: string, nodes: ReadonlyMap<string, StoredNode>, before: StoredNode | undefined): StoredNode | undefined;
  /** Where a read is said to stand in history. */
  stands?(zxid: number, isSync: boolean): number;
  /** Where a write is said to. */
  orders?(zxid: number): number;
}

const NODE_BEGIN_ZXID = 0x1_0000_0000;

/** Answers as the core's gateway does, from memory; `spoil` may answer otherwise, and says whether it did. */
async function serve(
  context: TestContext,
  spoil: (request: IncomingMessage, response: ServerResponse, count: number) => boolean = () => false,
  lie: Lie = {},
): Promise<Served> {
  const nodes = new Map<string, StoredNode>();
  const befores = new Map<string, StoredNode>();
  const seen = new Map<number, string[]>();
  let zxid = NODE_BEGIN_ZXID;
  let count = 0;
  let writes = 0;
  const waiting = new Set<() => void>();
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const [path, query] = request.url!.split("?") as [string, string | undefined];
    const isLoad = request.headers["user-agent"] === undefined;
    if (isLoad) {
      const port = request.socket.remotePort!;
      seen.set(port, [...(seen.get(port) ?? []), `${request.method} ${request.url}`]);
      count++;
      for (const look of waiting) look();
      if (spoil(request, response, count)) return;
    }
    const answer = (status: number, node: StoredNode | undefined, at: number, text?: string): void => {
      const tag = node === undefined ? {} : { ETag: `"${node.version}-${node.mzxid.toString(16)}"` };
      response.writeHead(status, { ...tag, "ZooKeeper-Zxid": `0x${at.toString(16)}` }).end(text);
    };
    const node = nodes.get(path);
    if (request.method === "PUT") {
      const written = { value: body, version: (node?.version ?? -1) + 1, mzxid: ++zxid };
      if (node !== undefined) befores.set(path, node);
      if (isLoad) writes++;
      if (!(isLoad && lie.loses?.(path, writes))) nodes.set(path, written);
      const at = (isLoad ? lie.orders?.(zxid) : undefined) ?? zxid;
      answer(204, { ...written, mzxid: at }, at);
      return;
    }
    const shown = (isLoad ? lie.shows?.(path, nodes, befores.get(path)) : undefined) ?? node;
    const at = (isLoad ? lie.stands?.(zxid, query !== undefined) : undefined) ?? zxid;
    answer(shown === undefined ? 404 : 200, shown, at, shown?.value);
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
    assert.deepEqual(
      checks.map(({ name, violations, detail }) => [name, violations, detail]),
      ["session-order", "http-values", "write-order", "writes-kept"].map((name) => [name, 0, ""]),
    );
    for (const { name, observations } of checks) assert.ok(observations > 0, name);
    assert.equal(checks[0]!.observations, checks[1]!.observations, "every read");
    assert.ok(checks[1]!.observations >= read);
    assert.equal(checks[3]!.observations, 20, "every key is read back");
    const bySecond = (name: string): number =>
      seconds.filter(({ operation }) => operation === name).reduce((sum, { ok }) => sum + ok, 0);
    assert.deepEqual([bySecond("read"), bySecond("write")], [read, write]);
  });

  for (const { what, lie, check, detail, operations } of [
    {
      what: "a lost write, though nobody reads",
      lie: { loses: (_path, count) => count > 100 },
      check: "writes-kept",
      detail: /^at the end: key \d+ has its value of 0x1\w{8}, but a write of it that was answered stands at 0x1\w{8}$/,
      operations: { write: 1 },
    },
    {
      what: "a lost write that is read",
      lie: { loses: (_path, count) => count % 50 === 0 },
      check: "http-values",
      detail: /^connection \d: key \d+ has its value of 0x\w+, but a write of it that was answered stands at 0x\w+$/,
      operations: { read: 3, write: 1 },
    },
    {
      what: "a stale value",
      lie: { shows: (_path, _nodes, before) => before },
      check: "http-values",
      detail: /but a write of it that was answered stands/,
      operations: { read: 3, write: 1 },
    },
    {
      what: "a stale value that is passed off as the last",
      lie: {
        shows: (path, nodes, before) => before && { ...nodes.get(path)!, value: before.value },
      },
      check: "http-values",
      detail:
        /^connection \d: key \d+ has '\w{8}:\w{5}:\w{8}:' as written at 0x\w+, where '\w{8}:\w{5}:\w{8}:' was written$/,
      operations: { read: 3, write: 1 },
    },
    {
      what: "the value of another key",
      lie: { shows: (path, nodes) => (path.endsWith("3") ? nodes.get(path.replace(/3$/, "4")) : undefined) },
      check: "http-values",
      detail: /^connection \d: key \d+ has '\w{8}:zzzzz:00000000:', 50 characters, which was not written to it$/,
      operations: { read: 1 },
    },
    {
      what: "half a value",
      lie: { shows: (path, nodes) => ({ ...nodes.get(path)!, value: nodes.get(path)!.value.slice(0, 40) }) },
      check: "http-values",
      detail: /40 characters, which was not written to it$/,
      operations: { read: 1 },
    },
    {
      what: "a history that goes back",
      lie: { stands: (zxid) => (zxid % 16 === 0 ? zxid - 8 : zxid) },
      check: "session-order",
      detail: /^connection \d: a read was answered at 0x\w+, but the connection had been shown 0x\w+$/,
      operations: { read: 3, write: 1 },
    },
    {
      what: "a linearizable read that is none",
      lie: { stands: (zxid, isSync) => (isSync ? NODE_BEGIN_ZXID + 1 : zxid) },
      check: "linearizable-read",
      detail: /^connection \d: a linearizable read was answered at 0x100000001, but a write completed/,
      operations: { readLinearizable: 3, write: 1 },
    },
    {
      what: "writes in another order than they are answered in",
      lie: { orders: (zxid) => (zxid % 16 === 0 ? zxid - 10 : zxid) },
      check: "write-order",
      detail: /^connection \d: a write of key \d+ stands at 0x\w+, but 0x\w+ had been told before it was sent$/,
      operations: { write: 1 },
    },
  ] satisfies readonly {
    what: string;
    lie: Lie;
    check: string;
    detail: RegExp;
    operations: Partial<Record<HttpOperation, number>>;
  }[]) {
    it(`finds ${what}`, async (context) => {
      const { port, askedInAll } = await serve(context, undefined, lie);
      const { checks } = await run(jobFor(port, { workload: { kind: "http", operations } }), askedInAll(600));
      const found = checks.find(({ name }) => name === check)!;
      assert.ok(found.violations > 0, JSON.stringify(checks));
      assert.match(found.detail, detail);
    });
  }

  it("finds an answer that does not say what it is of", async (context) => {
    const { port, askedInAll } = await serve(context, (request, response, count) => {
      if (request.method !== "PUT" || count < 50) return false;
      response.writeHead(204).end();
      return true;
    });
    const { checks } = await run(
      jobFor(port, { workload: { kind: "http", operations: { write: 1 } } }),
      askedInAll(200),
    );
    assert.ok(checks.find(({ name }) => name === "http-values")!.violations > 0);
  });

  it("writes no value twice, and says in each who wrote it", async (context) => {
    const bodies = new Set<string>();
    const { port, askedInAll } = await serve(context, undefined, {
      shows: (_path, nodes) => {
        for (const { value } of nodes.values()) bodies.add(value);
        return undefined;
      },
    });
    await run(jobFor(port, { workload: { kind: "http", operations: { read: 1, write: 1 } } }), askedInAll(2_000));
    const stamps = [...bodies].map((body) => parseStamp(body.slice(0, STAMP_BYTES))!);
    const ofConnections = stamps.filter(({ sequence }) => sequence > 0);
    assert.equal(
      new Set(ofConnections.map(({ writer, sequence }) => `${writer} ${sequence}`)).size,
      ofConnections.length,
    );
    assert.deepEqual([...new Set(ofConnections.map(({ writer }) => writer))].sort(), [0, 1, 2, 3]);
    assert.ok(
      ofConnections.some(({ sequence }) => sequence > 150),
      "beyond the list of requests",
    );
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
    assert.ok((disconnects ?? 0) >= errors["CONNECTIONLOSS"]!);
  });

  it("counts latency from its own send, also after a connection that was lost with a request on it", async (context) => {
    // autocannon takes the next answer for that of the request that was lost.
    const pauseMs = 400;
    const { port, askedInAll } = await serve(context, (request, response, count) => {
      if (count === 2) setTimeout(() => request.socket.end(), pauseMs);
      else response.writeHead(200, { etag: '"0-100000001"', "zookeeper-zxid": "0x100000014" }).end();
      return true;
    });
    const workload = { kind: "http", operations: { write: 1 } } as const;
    const { operations } = await run(jobFor(port, { connections: 1, workload }), askedInAll(50));
    const { ok, errors, latency } = operations[0]!;
    assert.ok(ok > 10 && errors["CONNECTIONLOSS"] === 1, JSON.stringify({ ok, errors }));
    const histogram = createHistogram();
    addPacked(histogram, latency!);
    assert.ok(histogram.maxValue < pauseMs * 1_000, `${histogram.maxValue} us`);
    histogram.destroy();
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

  it("tells why a request beside the load got no answer, not only that it got none", async (context) => {
    const cut = createServer((_request, response) => {
      response.writeHead(200, { "Content-Length": 100 });
      response.write("half of it", () => response.destroy());
    });
    cut.listen(0, "127.0.0.1");
    await once(cut, "listening");
    context.after(() => cut.close());
    const { port } = cut.address() as AddressInfo;
    const opening = (): Promise<void> => new HttpLoad(jobFor(port), { target: "core" } as TargetDriver, 0).open();
    const failure = async (): Promise<unknown> =>
      await opening().then(
        () => undefined,
        (error: unknown) => error,
      );
    const terminated = await failure();
    assert.ok(terminated instanceof Error);
    assert.match(terminated.message, /^PUT \/znodes\/root\/http-\d+: other side closed$/);
    assert.equal(failureName(terminated), "CONNECTIONLOSS");
    cut.close();
    cut.closeAllConnections();
    const refused = await failure();
    assert.ok(refused instanceof Error);
    assert.match(refused.message, /^PUT .*: connect ECONNREFUSED 127\.0\.0\.1:/);
    assert.equal(failureName(refused), "ECONNREFUSED");
  });

  it("asks each target as its users do, for the same key and the same bytes", () => {
    const key = "/root/http-00000003";
    const value = stampedValue({ key: 3, writer: 40, sequence: 71 }, 30);
    assert.equal(value, "00000003:00014:0000001z:012345");
    assert.deepEqual(parseStamp(value.slice(0, STAMP_BYTES)), { key: 3, writer: 40, sequence: 71 });
    assert.equal(parseStamp(value.slice(1, STAMP_BYTES + 1)), undefined);
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
    const none = (): null => null;
    const inHeader = (name: string): string | null =>
      ({ etag: '"7-10000002a"', "zookeeper-zxid": "0x10000002b" })[name] ?? null;
    const { answerOf } = dialectOf("core");
    assert.deepEqual(answerOf("read", value, inHeader), { position: 0x10000002b, written: 0x10000002a, value });
    assert.equal(answerOf("write", "", inHeader)!.written, 0x10000002a);
    assert.equal(answerOf("read", value, none), undefined);
    const ofEtcd = (operation: HttpOperation, body: object | string) =>
      dialectOf("etcd").answerOf(operation, typeof body === "string" ? body : JSON.stringify(body), none);
    const stored = Buffer.from(value).toString("base64");
    const range = { header: { revision: "9" }, kvs: [{ mod_revision: "8", value: stored }], count: "1" };
    assert.deepEqual(ofEtcd("read", range), { position: 9, written: 8, value: stored });
    assert.deepEqual(ofEtcd("write", { header: { revision: "9" } }), { position: 9, written: 9, value: undefined });
    assert.deepEqual(ofEtcd("read", { header: { revision: "9" } }), { position: 9, written: 0, value: undefined });
    assert.equal(ofEtcd("read", '{"header":{}}'), undefined);
    assert.equal(ofEtcd("read", "<html>"), undefined);
  });
});

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from "node:net";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { SeededRandom } from "../../src/base/random.js";
import { connect } from "../../src/client/client.js";
import { HostList } from "../../src/client/host-list.js";
import { OPEN_ACL } from "../../src/client/requests.js";
import { type Encoder, Session } from "../../src/client/session.js";
import { empty } from "../../src/jute/codec.js";
import { FrameSplitter } from "../../src/jute/framing.js";
import { OP, opName, XID } from "../../src/jute/opcodes.js";
import {
  CheckVersionRequest,
  CreateRequest,
  DeleteContainerRequest,
  GetChildrenRequest,
  GetSASLRequest,
} from "../../src/jute/records.js";
import { placesHere } from "../../src/targets/places.js";
import type { ZookeeperInstallation } from "../../src/targets/zookeeper/find.js";
import { startZooKeeper, zooKeepersHere } from "../support/zookeeper.js";

// Records what clients and every Apache ZooKeeper found say to each other, for the tests of the codec:
//
//   node build/test/wire/record.js
//
// writes test/wire/zookeeper-<version>/<client>.txt, one frame a line: direction (> to the server, < from it), name,
// and the body in hex. `cli` is Apache's own command line client, so that requests too are encoded by upstream's code;
// `client` is the one of this repository, for what the command line cannot ask for, and `raw` what no client asks.

class Recorder {
  readonly lines: string[] = [];
  port = 0;
  private readonly upstreamPort: number;
  private readonly pairs = new Set<readonly [Socket, Socket]>();
  private readonly waiters = new Set<() => void>();
  private readonly server = createServer((socket) => this.serve(socket));

  constructor(upstreamPort: number) {
    this.upstreamPort = upstreamPort;
  }

  async start(): Promise<void> {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    this.port = (this.server.address() as AddressInfo).port;
  }

  stop(): void {
    this.server.close();
    this.cut();
  }

  /** As a failing network would. */
  cut(): void {
    for (const [client, upstream] of this.pairs) {
      client.destroy();
      upstream.destroy();
    }
  }

  /** Waits until a line matches that was recorded at or after line `from`; returns the number of lines then. */
  async seen(pattern: RegExp, from = 0): Promise<number> {
    const deadline = AbortSignal.timeout(30_000);
    while (!this.lines.slice(from).some((line) => pattern.test(line))) {
      await new Promise<void>((wake, fail) => {
        this.waiters.add(wake);
        deadline.onabort = () => fail(new Error(`nothing matched ${pattern}:\n${this.lines.join("\n")}`));
      });
    }
    return this.lines.length;
  }

  private serve(client: Socket): void {
    const upstream = connectSocket(this.upstreamPort, "127.0.0.1");
    const pair = [client, upstream] as const;
    this.pairs.add(pair);
    const names = new Map<number, string>();
    this.follow(client, upstream, ">", (body, first) => {
      if (first) return "connect";
      const xid = body.readInt32BE(0);
      const name = opName(body.readInt32BE(4)) ?? `op${body.readInt32BE(4)}`;
      names.set(xid, name);
      return name;
    });
    this.follow(upstream, client, "<", (body, first) => {
      if (first) return "connect";
      const xid = body.readInt32BE(0);
      return xid === XID.notification ? "notification" : (names.get(xid) ?? `xid${xid}`);
    });
    const end = (): void => {
      this.pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of pair) socket.on("error", end).on("close", end);
  }

  private follow(from: Socket, to: Socket, arrow: string, nameOf: (body: Buffer, first: boolean) => string): void {
    const splitter = new FrameSplitter(1 << 24);
    let first = true;
    from.on("data", (chunk: Buffer) => {
      splitter.push(chunk, (bytes, start, end) => {
        const body = Buffer.from(bytes.subarray(start, end));
        this.lines.push(`${arrow} ${nameOf(body, first)} ${body.toString("hex")}`);
        first = false;
        return true;
      });
      to.write(chunk);
      for (const wake of this.waiters) wake();
      this.waiters.clear();
    });
  }
}

/** Apache's command line client. Each command waits for its reply before the next one is given. */
async function recordCli(recorder: Recorder, installation: ZookeeperInstallation): Promise<void> {
  // A server needs no commons-cli, so an installation of one may lack it.
  const commonsCli = join(placesHere().debianJars, "commons-cli.jar");
  const classPath = ["-cp", [...installation.classPath, commonsCli].join(delimiter)];
  const command = ["org.apache.zookeeper.ZooKeeperMain", "-server", `127.0.0.1:${recorder.port}`];
  const cli = spawn(installation.java, [...classPath, ...command], { stdio: ["pipe", "ignore", "ignore"] });
  let from = await recorder.seen(/^< connect/);
  const ask = async (command: string, answer: RegExp): Promise<void> => {
    cli.stdin.write(`${command}\n`);
    from = await recorder.seen(answer, from);
  };
  await ask("create /cli data", /^< create/);
  await ask("create -e -s /cli/e- x", /^< create/);
  await ask("create -c /container", /^< createContainer/);
  await ask("create -t 60000 /ttl x", /^< createTTL/);
  await ask("get -s -w /cli", /^< getData/);
  await ask("set -v 0 /cli changed", /^< notification/);
  await ask("set -v 7 /cli refused", /^< setData/);
  await ask("stat -w /cli", /^< exists/);
  await ask("stat /missing", /^< exists/);
  await ask("ls -w /cli", /^< getChildren/);
  await ask("ls -s /", /^< getChildren2/);
  await ask("getAcl /cli", /^< getACL/);
  await ask("addauth digest user:password", /^< auth/);
  await ask("setAcl /cli auth::cdrwa", /^< setACL/);
  await ask("getAcl -s /cli", /^< getACL/);
  await ask("getEphemerals", /^< getEphemerals/);
  await ask("getAllChildrenNumber /cli", /^< getAllChildrenNumber/);
  await ask("whoami", /^< whoAmI/);
  await ask("sync /cli", /^< sync/);
  await ask("reconfig -remove 3", /^< reconfig/);
  await ask("addWatch -m PERSISTENT /cli", /^< addWatch/);
  await ask("addWatch -m PERSISTENT_RECURSIVE /container", /^< addWatch/);
  recorder.cut();
  from = await recorder.seen(/^< setWatches2/, from);
  await ask("create /container/child", /^< notification/);
  await ask("removewatches /container -a", /^< removeWatches/);
  await ask("delete /missing", /^< delete/);
  await ask("delete /container/child", /^< delete/);
  await ask("create /cli", /^< create/);
  await recorder.seen(/^< ping/, from);
  cli.stdin.write("quit\n");
  await recorder.seen(/^< closeSession/, from);
  await once(cli, "exit");
}

async function recordClient(recorder: Recorder): Promise<void> {
  const client = await connect({ servers: `127.0.0.1:${recorder.port}`, sessionTimeoutMs: 4_000 });
  const refused = async (promise: Promise<unknown>): Promise<void> => {
    await promise.then(
      () => Promise.reject(new Error("expected to be refused")),
      () => undefined,
    );
  };
  await client.create("/client", null);
  await client.create("/client/ütf-8 ✓", Buffer.from([0, 255]), { mode: "persistentSequential" });
  await client.create("/client/empty", Buffer.alloc(0), { mode: "ephemeral" });
  await client.create("/client/ttl-", null, { mode: "persistentSequentialWithTTL", ttlMs: 1 << 20 });
  await client.multi([
    { op: "create", path: "/client/m", data: Buffer.from("m") },
    { op: "setData", path: "/client/m", data: null, version: 0 },
    { op: "create", path: "/client/mc", mode: "container" },
    { op: "create", path: "/client/mt", mode: "persistentWithTTL", ttlMs: 60_000 },
    { op: "check", path: "/client/m", version: 1 },
    { op: "delete", path: "/client/mt" },
  ]);
  await refused(
    client.multi([
      { op: "create", path: "/client/never" },
      { op: "check", path: "/client", version: 9 },
      { op: "delete", path: "/client/m" },
    ]),
  );
  await client.multi([]);
  await client.multiRead([
    { op: "getData", path: "/client/m" },
    { op: "getData", path: "/missing" },
    { op: "getChildren", path: "/client" },
  ]);
  await client.getData("/client", () => undefined);
  await client.exists("/later", () => undefined);
  await client.getChildren("/client", () => undefined);
  const unused = (): void => undefined;
  await client.addWatch("/client/m", "persistent", unused);
  await client.addWatch("/client/m", "persistent", () => undefined);
  await client.removeWatches("/client/m", "any", unused);
  let from = recorder.lines.length;
  await client.removeWatches("/client/m");
  recorder.cut();
  await recorder.seen(/^< setWatches/, from);
  from = recorder.lines.length;
  await client.whenConnected();
  await client.create("/later");
  await client.create("/client/child");
  await client.setData("/client", Buffer.from("new"));
  await recorder.seen(/^< notification.*\n?/, from);
  await refused(client.delete("/client"));
  await refused(client.getData("/missing"));
  await refused(client.create("/client/empty/below"));
  await refused(client.setACL("/client", []));
  await client.close();

  const other = await connect({ servers: `127.0.0.1:${recorder.port}`, sessionTimeoutMs: 4_000 });
  await refused(other.addAuth("nobody", "knows"));
  await other.close();
}

/** What no client has a call for, each on a session of its own, since some of it ends the connection. */
async function recordRaw(recorder: Recorder): Promise<void> {
  const ask = async <T>(type: number, codec: Encoder<T>, value: T): Promise<void> => {
    const session = await openSession(recorder.port);
    await new Promise<void>((answered) => {
      session.request(type, codec, value, { onReply: () => answered() }, 0);
    });
    await session.close();
  };
  await ask(OP.getChildren, GetChildrenRequest, { path: "/", watch: false });
  await ask(OP.check, CheckVersionRequest, { path: "/", version: 5 });
  await ask(OP.sasl, GetSASLRequest, { token: Buffer.from("token") });
  await ask(OP.create, CreateRequest, { path: "/no-acl", data: null, acl: null, flags: 0 });
  await ask(OP.create, CreateRequest, { path: "/bad-flags", data: null, acl: OPEN_ACL, flags: 99 });
  await ask(OP.deleteContainer, DeleteContainerRequest, { path: "/zookeeper" });
  const unknownType = 77;
  await ask(unknownType, empty, null);
}

function openSession(port: number): Promise<Session> {
  const backoff = { minMs: 10, maxMs: 10 };
  const hosts = new HostList([{ host: "127.0.0.1", port }], "given", backoff, new SeededRandom(1));
  const ignored = (): void => undefined;
  return new Promise((open) => {
    const session = new Session(
      { hosts, sessionTimeoutMs: 4_000, attemptTimeoutMs: 4_000, renewSession: false },
      {
        onConnected: () => open(session),
        onDisconnected: ignored,
        onExpired: ignored,
        onAuthFailed: ignored,
        onClosed: ignored,
        onEvent: ignored,
        onInconsistency: ignored,
        onMalformed: ignored,
        onFlush: ignored,
      },
    );
    session.start();
  });
}

const root = fileURLToPath(new URL("../../../test/wire", import.meta.url));

for (const installation of zooKeepersHere()) {
  const folder = join(root, `zookeeper-${installation.version}`);
  mkdirSync(folder, { recursive: true });
  for (const [name, record] of [
    ["cli", recordCli],
    ["client", recordClient],
    ["raw", recordRaw],
  ] as const) {
    const server = await startZooKeeper(installation);
    const recorder = new Recorder(server.port);
    await recorder.start();
    try {
      await record(recorder, installation);
    } finally {
      recorder.stop();
      await server.stop();
    }
    const file = join(folder, `${name}.txt`);
    writeFileSync(file, `${recorder.lines.join("\n")}\n`);
    process.stdout.write(`${file}: ${recorder.lines.length} frames\n`);
  }
}

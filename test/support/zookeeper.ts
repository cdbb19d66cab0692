import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

// A standalone Apache ZooKeeper for tests of the client and for the recorder of wire transcripts.

const JAR_FOLDER = "/usr/share/java";
const JARS =
  /^(zookeeper|zookeeper-jute|slf4j-api|slf4j-log4j12|log4j-1\.2|commons-cli|commons-io|metrics-core|snappy-java|netty-(all|buffer|codec|common|handler|resolver|transport|transport-native-epoll|transport-native-unix-common))\.jar$/;

export const REMEDY = "apt-get install zookeeper";

export function findZooKeeper(): boolean {
  return existsSync(join(JAR_FOLDER, "zookeeper.jar")) && existsSync("/usr/bin/java");
}

/** "3.8.0", as the name of the jar has it. */
export function zooKeeperVersion(): string {
  const names = readdirSync(JAR_FOLDER).map((name) => /^zookeeper-([\d.]+)\.jar$/.exec(name)?.[1]);
  return names.find((version) => version !== undefined) ?? "unknown";
}

/** What `java` needs before the name of one of its classes; `folder` holds a configuration. */
export function javaArguments(folder?: string): string[] {
  const jars = readdirSync(JAR_FOLDER).filter((name) => JARS.test(name));
  const classPath = jars.map((name) => join(JAR_FOLDER, name));
  if (folder !== undefined) classPath.push(folder);
  return ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-cp", classPath.join(":")];
}

export interface TestZooKeeper {
  readonly port: number;
  readonly address: string;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>;
  pause(): void;
  resume(): void;
  /** Starts it again on the same data and port. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface TestZooKeeperOptions {
  readonly tickTimeMs?: number;
  readonly systemProperties?: Readonly<Record<string, string>>;
}

export async function startZooKeeper(options: TestZooKeeperOptions = {}): Promise<TestZooKeeper> {
  const folder = mkdtempSync(join(tmpdir(), "zabench-test-zookeeper-"));
  const port = await freePort();
  const tickTimeMs = options.tickTimeMs ?? 500;
  mkdirSync(join(folder, "data"));
  writeFileSync(
    join(folder, "zoo.cfg"),
    [
      `dataDir=${join(folder, "data")}`,
      "clientPortAddress=127.0.0.1",
      `clientPort=${port}`,
      `tickTime=${tickTimeMs}`,
      "maxClientCnxns=0",
      "admin.enableServer=false",
      "4lw.commands.whitelist=*",
      "extendedTypesEnabled=true",
      "preAllocSize=1024",
      "",
    ].join("\n"),
  );
  const properties = { "zookeeper.extendedTypesEnabled": "true", ...options.systemProperties };
  const flags = Object.entries(properties).map(([name, value]) => `-D${name}=${value}`);
  let child: ChildProcess | undefined;

  const end = async (): Promise<void> => {
    const running = child;
    child = undefined;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const exited = new Promise((resolve) => running.once("exit", resolve));
    running.kill("SIGKILL");
    await exited;
  };
  const onExit = (): void => {
    child?.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  };
  process.on("exit", onExit);

  const server: TestZooKeeper = {
    port,
    address: `127.0.0.1:${port}`,
    kill: end,
    pause: () => void child?.kill("SIGSTOP"),
    resume: () => void child?.kill("SIGCONT"),
    start: async () => {
      child = spawn(
        "java",
        [
          ...flags,
          ...javaArguments(folder),
          "org.apache.zookeeper.server.quorum.QuorumPeerMain",
          join(folder, "zoo.cfg"),
        ],
        { stdio: ["ignore", "pipe", "pipe"] },
      );
      let output = "";
      const keep = (chunk: Buffer): void => {
        output = (output + chunk.toString()).slice(-4_000);
      };
      child.stdout?.on("data", keep);
      child.stderr?.on("data", keep);
      await serving(port, child, () => output);
    },
    stop: async () => {
      await end();
      process.off("exit", onExit);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  try {
    await server.start();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

async function serving(port: number, child: ChildProcess, output: () => string): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`ZooKeeper ended with ${child.exitCode}:\n${output()}`);
    if ((await fourLetterWord(port, "srvr").catch(() => "")).includes("Mode:")) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`ZooKeeper does not serve:\n${output()}`);
}

export function fourLetterWord(port: number, word: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(word));
    socket.setTimeout(2_000, () => socket.destroy(new Error("no answer")));
    socket.on("data", (chunk) => {
      text += chunk.toString();
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(text));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

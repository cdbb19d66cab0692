import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { randomBelow, SeededRandom } from "../../src/base/random.js";
import { RawSession } from "./raw-writer.js";
import { STRACE_ARGUMENTS, SyncTrace } from "./sync-trace.js";

export interface DurabilityOptions {
  /** How the server is started; it has to listen on `port` and keep its data below `dataFolder`. */
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly port: number;
  /** All that the server writes durably is in here. */
  readonly dataFolder: string;
  /** For the trace and the server's output; not inside `dataFolder`. */
  readonly workFolder: string;
  readonly rounds: number;
  readonly seed: number;
  readonly connections?: number;
  readonly depth?: number;
  /** The kill comes at a random moment after so many acknowledged writes of the round. */
  readonly acknowledgedMin?: number;
  /** How long the server may take to answer after its start. */
  readonly startTimeoutMs?: number;
}

export interface DurabilityResult {
  /** Rounds that were carried out: fewer than asked for if something was lost. */
  readonly rounds: number;
  readonly acknowledged: number;
  readonly syncs: number;
  /** Acknowledged writes that were gone, and values that nobody wrote, in words. Empty if the server kept its promise. */
  readonly lost: readonly string[];
  /** What the cuts changed, by round. */
  readonly cuts: readonly (readonly string[])[];
}

/** What one connection knows of its nodes: /d<n> is set to 1, 2, 3, ..., and every eighth write creates a node of its own. */
interface Lane {
  readonly path: string;
  /** The last value sent, and the last one acknowledged. */
  sent: number;
  acknowledged: number;
  /** Acknowledged changes of the value, which its version cannot fall short of. */
  changes: number;
  children: string[];
}

const CREATE_EVERY = 8;
const KILL_DELAY_MS_MAX = 20;

/**
 * Kills a server with SIGKILL under write load, takes from its files what it had not synced by then, starts it again and
 * compares: every write that was acknowledged to the outside has to be there. Repeats that on the same data. Needs
 * strace. The server only has to speak the client protocol.
 */
export async function checkDurability(options: DurabilityOptions): Promise<DurabilityResult> {
  const random = new SeededRandom(options.seed);
  const connections = options.connections ?? 4;
  const lanes: Lane[] = Array.from({ length: connections }, (_, index) => ({
    path: `/d${index}`,
    sent: 0,
    acknowledged: 0,
    changes: 0,
    children: [],
  }));
  const cuts: (readonly string[])[] = [];
  let acknowledged = 0;
  let syncs = 0;
  mkdirSync(options.dataFolder, { recursive: true });
  for (let round = 0; ; round++) {
    const server = await startTraced(options, round);
    try {
      const lost = await compare(options.port, lanes);
      if (lost.length > 0 || round === options.rounds) return { rounds: round, acknowledged, syncs, lost, cuts };
      const target = (options.acknowledgedMin ?? 300) + randomBelow(random, 1_500);
      const delayMs = randomBelow(random, KILL_DELAY_MS_MAX);
      acknowledged += await writeUntilKilled(options, lanes, target, delayMs, server);
    } finally {
      await server.kill();
    }
    const trace = server.trace();
    syncs += trace.syncs;
    cuts.push(trace.cut());
  }
}

interface TracedServer {
  /** SIGKILL to the server; resolves when the tracer has seen it die. */
  kill(): Promise<void>;
  /** After `kill`. */
  trace(): SyncTrace;
}

async function startTraced(options: DurabilityOptions, round: number): Promise<TracedServer> {
  const trace = new SyncTrace(options.dataFolder);
  const traceFile = join(options.workFolder, `trace.${round}`);
  const output = openSync(join(options.workFolder, `server.${round}.txt`), "w");
  const tracer = spawn("strace", [...STRACE_ARGUMENTS, "-o", traceFile, "--", ...options.command], {
    stdio: ["ignore", output, output],
    env: { ...process.env, ...options.environment },
  });
  closeSync(output);
  let failure = "";
  tracer.on("error", (error) => {
    failure = error.message;
  });
  const exited = new Promise<void>((resolve) => tracer.once("close", () => resolve()));
  const kill = async (): Promise<void> => {
    const server = childOf(tracer);
    // Without a server the tracer has ended, or is about to.
    if (server !== undefined) process.kill(server, "SIGKILL");
    await exited;
  };
  try {
    await answering(options, () => failure !== "" || tracer.exitCode !== null || tracer.signalCode !== null);
  } catch (error) {
    await kill();
    const said = readFileSync(join(options.workFolder, `server.${round}.txt`), "utf8").slice(-2_000);
    throw new Error(`round ${round}: ${(error as Error).message} ${failure}\n${said}`);
  }
  return {
    kill,
    trace: () => {
      for (const line of readFileSync(traceFile, "utf8").split("\n")) trace.line(line);
      rmSync(traceFile);
      return trace;
    },
  };
}

/** The server itself: the only child of its tracer. */
function childOf(tracer: ChildProcess): number | undefined {
  if (tracer.pid === undefined || tracer.exitCode !== null || tracer.signalCode !== null) return undefined;
  const children = readFileSync(`/proc/${tracer.pid}/task/${tracer.pid}/children`, "utf8").trim();
  return children === "" ? undefined : Number(children.split(" ")[0]);
}

/** Tries to open a session until the server lets one in. */
async function answering(options: DurabilityOptions, hasEnded: () => boolean): Promise<void> {
  for (const deadline = Date.now() + (options.startTimeoutMs ?? 30_000); Date.now() < deadline; ) {
    if (hasEnded()) throw new Error("the server ended during its start");
    try {
      (await RawSession.open(options.port)).close();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error("the server did not answer in time");
}

/** Keeps every connection's window full until the server is dead; returns how many writes it acknowledged. */
async function writeUntilKilled(
  options: DurabilityOptions,
  lanes: readonly Lane[],
  target: number,
  delayMs: number,
  server: TracedServer,
): Promise<number> {
  let acknowledged = 0;
  let killed: Promise<void> | undefined;
  const refused: string[] = [];
  const onReply = (lane: Lane, value: number, err: number): void => {
    if (err === 0) acknowledged++;
    else refused.push(`write ${value} of ${lane.path} was answered with error ${err}`);
    if (acknowledged < target && refused.length === 0) return;
    // Not at once: right after a reply the server is likeliest to have synced everything it has.
    killed ??= new Promise<void>((resolve) => setTimeout(resolve, delayMs)).then(() => server.kill());
  };
  const sessions: RawSession[] = [];
  for (const lane of lanes) {
    const session = await RawSession.open(options.port);
    sessions.push(session);
    for (let index = 0; index < (options.depth ?? 16); index++) sendNext(session, lane, onReply);
  }
  await Promise.all(sessions.map((session) => session.ended));
  await killed;
  if (refused.length > 0) throw new Error(refused[0]);
  if (killed === undefined) throw new Error(`the server closed every connection after ${acknowledged} writes`);
  return acknowledged;
}

function sendNext(session: RawSession, lane: Lane, onReply: (lane: Lane, value: number, err: number) => void): void {
  const value = ++lane.sent;
  const data = Buffer.from(String(value));
  const onAnswer = (keep: () => void) => (err: number) => {
    if (err === 0) keep();
    onReply(lane, value, err);
    sendNext(session, lane, onReply);
  };
  const onValue = onAnswer(() => {
    lane.acknowledged = value;
    if (value > 1) lane.changes++;
  });
  const child = `${lane.path}/n${value}`;
  if (value === 1) session.create(lane.path, data, onValue);
  else if (value % CREATE_EVERY === 0)
    session.create(
      child,
      data,
      onAnswer(() => lane.children.push(child)),
    );
  else session.setData(lane.path, data, onValue);
}

/**
 * What is missing of what was acknowledged. A value may be newer than the last one acknowledged, since a reply may have
 * been lost with the server, but not newer than the last one sent.
 */
async function compare(port: number, lanes: readonly Lane[]): Promise<string[]> {
  const lost: string[] = [];
  const session = await RawSession.open(port);
  for (const lane of lanes) {
    const found = await session.getData(lane.path);
    const value = Number(found?.data ?? 0);
    if (value < lane.acknowledged) {
      lost.push(`${lane.path}: ${lane.acknowledged} was acknowledged, ${found?.data ?? "nothing"} is there`);
    } else if (value > lane.sent) {
      lost.push(`${lane.path}: ${value} is there, ${lane.sent} was the last one sent`);
    } else if (found !== undefined && found.version < lane.changes) {
      lost.push(`${lane.path}: ${lane.changes} changes were acknowledged, ${found.version} are there`);
    }
    const nodes = await Promise.all(lane.children.map((child) => session.getData(child)));
    for (const [index, node] of nodes.entries()) {
      if (node === undefined) lost.push(`${lane.children[index]}: acknowledged, not there`);
    }
  }
  session.close();
  return lost;
}

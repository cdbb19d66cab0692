import { createReadStream, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { planCore } from "../../src/targets/core/kind.js";
import { startEnsemble } from "../../src/targets/process/managed-ensemble.js";
import type { MemberPlan } from "../../src/targets/process/managed-member.js";
import type { Ensemble, Member, StartOptions } from "../../src/targets/target.js";
import { STRACE_ARGUMENTS, SyncTrace } from "./sync-trace.js";

export interface TracedEnsemble extends Ensemble {
  /** What the cuts changed, by kill, and the syncs that the traces of killed servers showed. */
  readonly cuts: readonly (readonly string[])[];
  readonly syncs: number;
}

const READY_TIMEOUT_MS = 60_000;
const TRACER_POLL_MS = 5;

/**
 * Core servers under strace: whenever one is killed, its files are cut to what was durable by then, before `kill` returns.
 * `nodeArguments` come before the program's file.
 */
export async function startTracedEnsemble(
  context: TestContext,
  options: StartOptions,
  nodeArguments: readonly string[] = [],
): Promise<TracedEnsemble> {
  const plan = planCore(options);
  const totals = { cuts: [] as (readonly string[])[], syncs: 0 };
  const traces = new Map<number, Trace>();
  const ensemble = await startEnsemble(
    {
      ...plan,
      readyTimeoutMs: READY_TIMEOUT_MS,
      prepare: async (folder, ports) => {
        const members = await plan.prepare(folder, ports);
        for (const [index, { command }] of members.entries()) traces.set(index + 1, new Trace(command.folder));
        return members.map((member) => traced(member, nodeArguments));
      },
    },
    options,
  );
  context.after(() => ensemble.stop());
  const members = ensemble.members.map((member) => new TracedMember(member, traces.get(member.id)!, totals));
  return {
    ...ensemble,
    members,
    leader: async () => {
      const leader = await ensemble.leader();
      return members.find(({ id }) => id === leader?.id);
    },
    cuts: totals.cuts,
    get syncs() {
      return totals.syncs;
    },
  };
}

function traced(member: MemberPlan, nodeArguments: readonly string[]): MemberPlan {
  const { command } = member;
  const strace = [...STRACE_ARGUMENTS, "-o", traceFileOf(command.folder), "--"];
  const args = ["strace", ...strace, command.file, ...nodeArguments, ...command.args];
  // A tracer ends after its last child only, so it must not have the process's watcher as another.
  return { ...member, command: { ...command, file: "/bin/sh", args: ["-c", '"$@"; exit $?', "sh", ...args] } };
}

function traceFileOf(memberFolder: string): string {
  return join(memberFolder, "trace");
}

/** Of one server, from its last start on. */
class Trace {
  readonly dataFolder: string;
  private readonly file: string;
  private trace: SyncTrace;

  constructor(memberFolder: string) {
    this.dataFolder = join(memberFolder, "data");
    this.file = traceFileOf(memberFolder);
    this.trace = new SyncTrace(this.dataFolder);
  }

  /** Server and tracer have ended. What is left is durable, and what the next start begins with. */
  async cut(): Promise<{ readonly syncs: number; readonly changes: readonly string[] }> {
    const { trace } = this;
    for await (const line of createInterface(createReadStream(this.file))) trace.line(line);
    rmSync(this.file);
    const changes = trace.cut();
    this.trace = new SyncTrace(this.dataFolder);
    return { syncs: trace.syncs, changes };
  }
}

class TracedMember implements Member {
  readonly id: number;
  readonly client: Member["client"];
  private readonly member: Member;
  private readonly trace: Trace;
  private readonly totals: { readonly cuts: (readonly string[])[]; syncs: number };

  constructor(member: Member, trace: Trace, totals: TracedMember["totals"]) {
    this.id = member.id;
    this.client = member.client;
    this.member = member;
    this.trace = trace;
    this.totals = totals;
  }

  /** Of the server itself; the process of the ensemble is a shell that waits for its tracer. */
  get pid(): number | undefined {
    return this.member.pid === undefined ? undefined : traceeOf(this.member.pid);
  }

  role(): ReturnType<Member["role"]> {
    return this.member.role();
  }

  /** Says nothing of a server whose every call is slowed down. */
  async usage(): Promise<undefined> {
    return undefined;
  }

  /** The signal is sent before this returns, so that several servers can be killed at once. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    // The tracer ends by itself once it has told of everything.
    while (this.member.pid !== undefined) await sleep(TRACER_POLL_MS);
    const { syncs, changes } = await this.trace.cut();
    this.totals.syncs += syncs;
    this.totals.cuts.push(changes.map((change) => change.replaceAll(this.trace.dataFolder, `member-${this.id}`)));
  }

  restart(): Promise<void> {
    return this.member.restart();
  }

  async pause(): Promise<void> {
    this.signal("SIGSTOP");
  }

  async resume(): Promise<void> {
    this.signal("SIGCONT");
  }

  private signal(name: NodeJS.Signals): void {
    const { pid } = this;
    if (pid === undefined) throw new Error(`server ${this.id} has ended by itself`);
    process.kill(pid, name);
  }
}

function traceeOf(shell: number): number | undefined {
  const tracees = childrenOf(shell).flatMap(childrenOf);
  return tracees.find((pid) => !/^TracerPid:\t0$/m.test(readFileSync(`/proc/${pid}/status`, "utf8")));
}

function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return children === "" ? [] : children.split(" ").map(Number);
}

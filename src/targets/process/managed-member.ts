import { setTimeout as delay } from "node:timers/promises";
import { assert } from "../../base/assert.js";
import { USER_ERRORS, UserError } from "../../base/user-error.js";
import type { Address, Member, MemberRole, ProcessUsage } from "../target.js";
import { formatLogLines, logEnd, readLogTail } from "./log-tail.js";
import { LOOPBACK, portsInUse } from "./ports.js";
import { readProcessUsage } from "./proc.js";
import { describeExit, type SupervisedCommand, SupervisedProcess } from "./supervised-process.js";

/** What one member can be asked over its own interfaces. Both answer within a second or two, whatever its state. */
export interface MemberProbe {
  role(): Promise<MemberRole>;
  syncs(): Promise<number | undefined>;
}

/** What all members of an ensemble have in common. */
export interface ServerTraits {
  /** For people, and in the name of the scratch folder. */
  readonly name: string;
  /** For all of them to serve, and for one that was restarted. */
  readonly readyTimeoutMs: number;
}

export interface MemberPlan {
  readonly clientPort: number;
  /** Undefined where it serves no HTTP. */
  readonly httpPort?: number;
  readonly command: SupervisedCommand;
  readonly probe: MemberProbe;
}

const POLL_MS = 50;
const LOG_LINES = 12;
const PORT_CLASH = /address already in use|EADDRINUSE|BindException/i;

/** A member did not come up. The log is read before the folder goes. */
export class StartFailure extends Error {
  readonly member: ManagedMember;
  readonly reason: string;
  readonly log: readonly string[];

  constructor(member: ManagedMember, reason: string, log: readonly string[]) {
    super(reason);
    this.member = member;
    this.reason = reason;
    this.log = log;
  }
}

export class ManagedMember implements Member {
  readonly id: number;
  readonly client: Address;
  readonly http: Address | undefined;
  readonly ports: readonly number[];
  readonly plan: MemberPlan;
  readonly #server: ServerTraits;
  #process: SupervisedProcess | undefined;
  /** Where the log of the current start begins. */
  #logOffset = 0;
  #closed = false;

  constructor(id: number, plan: MemberPlan, ports: readonly number[], server: ServerTraits) {
    this.id = id;
    this.client = { host: LOOPBACK, port: plan.clientPort };
    this.http = plan.httpPort === undefined ? undefined : { host: LOOPBACK, port: plan.httpPort };
    this.ports = ports;
    this.plan = plan;
    this.#server = server;
  }

  get pid(): number | undefined {
    return this.#process?.running === true ? this.#process.pid : undefined;
  }

  launch(): void {
    assert(this.pid === undefined, `member ${this.id} is running already`);
    assert(!this.#closed, `member ${this.id} was stopped for good`);
    this.#logOffset = logEnd(this.plan.command.logPath);
    this.#process = new SupervisedProcess(this.plan.command);
  }

  /** Ends it for good: a restart that is under way does not launch it again. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.kill();
  }

  async failure(): Promise<StartFailure> {
    const server = this.#process;
    assert(server !== undefined, "a member is launched before it is waited for");
    const reason = server.running
      ? `it did not serve within ${this.#server.readyTimeoutMs / 1_000} s`
      : `it ended with ${describeExit(await server.exited)}`;
    return new StartFailure(this, reason, await readLogTail(this.plan.command.logPath, this.#logOffset));
  }

  async role(): Promise<MemberRole> {
    return this.pid === undefined ? "unreachable" : await this.plan.probe.role();
  }

  async usage(): Promise<ProcessUsage | undefined> {
    const pid = this.pid;
    if (pid === undefined) return undefined;
    // Asking for the syncs costs the server CPU itself: the process is read first, so a difference has it once.
    const usage = await readProcessUsage(pid);
    return usage === undefined ? undefined : { ...usage, syncs: await this.plan.probe.syncs() };
  }

  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  async restart(): Promise<void> {
    await this.kill();
    this.launch();
    try {
      const timeout = AbortSignal.timeout(this.#server.readyTimeoutMs);
      await waitUntilServing([this], ([role]) => role !== "unreachable", timeout);
    } catch (error) {
      if (!(error instanceof StartFailure)) throw error;
      await this.kill();
      throw await toUserError(this.#server.name, error, this.plan.command.logPath);
    }
  }

  async pause(): Promise<void> {
    assert(this.#process !== undefined, `member ${this.id} was never started`);
    this.#process.pause();
  }

  async resume(): Promise<void> {
    assert(this.#process !== undefined, `member ${this.id} was never started`);
    this.#process.resume();
  }
}

/** The process of the failed member must have ended: its own ports would count as taken. */
export async function toUserError(name: string, failure: StartFailure, logPath: string): Promise<UserError> {
  const where = `${name} server ${failure.member.id}`;
  const log = formatLogLines(failure.log, LOG_LINES);
  if (failure.log.some((line) => PORT_CLASH.test(line))) {
    const used = await portsInUse(failure.member.ports);
    const ports = (used.length === 0 ? failure.member.ports : used).join(", ");
    return new UserError(USER_ERRORS.portInUse, { port: ports }, where);
  }
  return new UserError(USER_ERRORS.targetStartFailed, { reason: failure.reason, path: logPath, log }, where);
}

/** Rejects with StartFailure when one of `members` ends, or when `signal` says that it took too long. */
export async function waitUntilServing(
  members: readonly ManagedMember[],
  ready: (roles: readonly MemberRole[]) => boolean,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const roles = await Promise.all(members.map((member) => member.role()));
    const ended = members.find((member) => member.pid === undefined);
    if (ended !== undefined) throw await ended.failure();
    if (ready(roles)) return;
    if (signal.aborted)
      throw await (members.find((_, index) => roles[index] === "unreachable") ?? members[0]!).failure();
    await delay(POLL_MS);
  }
}

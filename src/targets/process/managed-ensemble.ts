import { copyFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { assert } from "../../base/assert.js";
import { USER_ERRORS, UserError } from "../../base/user-error.js";
import type { Address, Ensemble, Member, MemberRole, ProcessUsage, StartOptions, TargetName } from "../target.js";
import { readLogTail } from "./log-tail.js";
import { LOOPBACK, portsInUse, type ReservePorts, reserveLoopbackPorts } from "./ports.js";
import { readProcessUsage } from "./proc.js";
import { ScratchFolder } from "./scratch-folder.js";
import { type ServerCommand, ServerProcess } from "./server-process.js";

/** What one member can be asked over its own interfaces. Both answer within a second or two, whatever its state. */
export interface MemberProbe {
  role(): Promise<MemberRole>;
  syncs(): Promise<number | undefined>;
}

/** How a kind of target starts an ensemble; the rest is the same for all. */
export interface EnsemblePlan {
  readonly target: TargetName;
  readonly version: string;
  readonly flags: Readonly<Record<string, string>>;
  readonly portsPerServer: number;
  /** For the whole ensemble to serve, and for a member that was restarted. */
  readonly readyTimeoutMs: number;
  /** Writes the configuration of every member below `folder`. `ports[i]` are those of member i + 1. */
  prepare(folder: string, ports: readonly (readonly number[])[]): Promise<readonly MemberPlan[]>;
}

export interface MemberPlan {
  readonly clientPort: number;
  readonly command: ServerCommand;
  readonly probe: MemberProbe;
}

const POLL_MS = 50;
const START_ATTEMPTS = 3;
const LOG_LINES = 12;
const PORT_CLASH = /address already in use|EADDRINUSE|BindException/i;

/** A member did not come up. The log is read before the folder goes. */
class StartFailure extends Error {
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

class ManagedMember implements Member {
  readonly id: number;
  readonly client: Address;
  readonly ports: readonly number[];
  readonly plan: MemberPlan;
  readonly #ensemble: EnsemblePlan;
  #process: ServerProcess | undefined;

  constructor(id: number, plan: MemberPlan, ports: readonly number[], ensemble: EnsemblePlan) {
    this.id = id;
    this.client = { host: LOOPBACK, port: plan.clientPort };
    this.ports = ports;
    this.plan = plan;
    this.#ensemble = ensemble;
  }

  get pid(): number | undefined {
    return this.#process?.running === true ? this.#process.pid : undefined;
  }

  async launch(): Promise<void> {
    assert(this.pid === undefined, `member ${this.id} is running already`);
    this.#process = await ServerProcess.start(this.plan.command);
  }

  async failure(): Promise<StartFailure> {
    const server = this.#process;
    assert(server !== undefined, "a member is launched before it is waited for");
    const reason = server.running
      ? `it did not serve within ${this.#ensemble.readyTimeoutMs / 1_000} s`
      : `it ended with ${await server.exited}`;
    return new StartFailure(this, reason, await readLogTail(this.plan.command.logPath, LOG_LINES));
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
    await this.launch();
    try {
      const timeout = AbortSignal.timeout(this.#ensemble.readyTimeoutMs);
      await waitUntilServing([this], ([role]) => role !== "unreachable", timeout);
    } catch (error) {
      if (!(error instanceof StartFailure)) throw error;
      await this.kill();
      throw await toUserError(this.#ensemble.target, error, this.plan.command.logPath);
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

async function toUserError(target: TargetName, failure: StartFailure, logPath: string): Promise<UserError> {
  const where = `${target} member ${failure.member.id}`;
  const log = failure.log.map((line) => `\n    ${line}`).join("");
  if (failure.log.some((line) => PORT_CLASH.test(line))) {
    const used = await portsInUse(failure.member.ports);
    const ports = (used.length === 0 ? failure.member.ports : used).join(", ");
    return new UserError(USER_ERRORS.portInUse, { port: ports }, where);
  }
  return new UserError(USER_ERRORS.targetStartFailed, { reason: failure.reason, path: logPath, log }, where);
}

class ManagedEnsemble implements Ensemble {
  readonly target: TargetName;
  readonly managed = true;
  readonly version: string;
  readonly flags: Readonly<Record<string, string>>;
  readonly members: readonly ManagedMember[];
  readonly folder: string;
  readonly #scratch: ScratchFolder;
  #stopped: Promise<void> | undefined;

  constructor(plan: EnsemblePlan, members: readonly ManagedMember[], scratch: ScratchFolder) {
    this.target = plan.target;
    this.version = plan.version;
    this.flags = plan.flags;
    this.members = members;
    this.folder = scratch.path;
    this.#scratch = scratch;
  }

  async leader(): Promise<Member | undefined> {
    const roles = await Promise.all(this.members.map((member) => member.role()));
    return this.members.find((_, index) => roles[index] === "leader" || roles[index] === "standalone");
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
    await this.#scratch.remove();
  }
}

/** All of them serve and exactly one leads: while they still vote there may be none, or the one that was. */
function isWhole(roles: readonly MemberRole[]): boolean {
  const leaders = roles.filter((role) => role === "leader" || role === "standalone");
  return leaders.length === 1 && roles.every((role) => role !== "unreachable");
}

/** Rejects with StartFailure when one of `members` ends, or when `signal` says that it took too long. */
async function waitUntilServing(
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

async function startOnce(plan: EnsemblePlan, options: StartOptions, reservePorts: ReservePorts): Promise<Ensemble> {
  const scratch = await ScratchFolder.create({
    purpose: plan.target,
    parent: options.scratchParent,
    keep: options.keepFolder,
  });
  const reservations = await reservePorts(options.servers * plan.portsPerServer);
  let members: ManagedMember[] = [];
  try {
    const byMember = Array.from({ length: options.servers }, (_, index) =>
      reservations.slice(index * plan.portsPerServer, (index + 1) * plan.portsPerServer),
    );
    const ports = byMember.map((held) => held.map((reservation) => reservation.port));
    const plans = await plan.prepare(scratch.path, ports);
    members = plans.map((member, index) => new ManagedMember(index + 1, member, ports[index] ?? [], plan));
    const ensemble = new ManagedEnsemble(plan, members, scratch);
    for (const [index, member] of members.entries()) {
      await Promise.all((byMember[index] ?? []).map((reservation) => reservation.release()));
      await member.launch();
    }
    const timeout = AbortSignal.timeout(plan.readyTimeoutMs);
    const signals = options.signal === undefined ? [timeout] : [timeout, options.signal];
    await waitUntilServing(members, isWhole, AbortSignal.any(signals));
    return ensemble;
  } catch (error) {
    await Promise.all(reservations.map((reservation) => reservation.release()));
    await Promise.all(members.map((member) => member.kill()));
    options.signal?.throwIfAborted();
    throw error instanceof StartFailure ? await keepLog(error, plan, options, scratch) : error;
  } finally {
    if (members.every((member) => member.pid === undefined)) await scratch.remove();
  }
}

/** The folder goes, but the log that tells why must stay readable under the path that the message names. */
async function keepLog(
  failure: StartFailure,
  plan: EnsemblePlan,
  options: StartOptions,
  scratch: ScratchFolder,
): Promise<UserError> {
  const logPath = failure.member.plan.command.logPath;
  if (options.keepFolder === true) return await toUserError(plan.target, failure, logPath);
  const kept = `${scratch.path}.log`;
  const error = await toUserError(plan.target, failure, kept);
  if (error.kind === USER_ERRORS.targetStartFailed) await copyFile(logPath, kept);
  return error;
}

/**
 * Starts an ensemble and resolves when all of it serves. Ports that someone else took in the moment between their
 * release and the server's own bind are tried again with others. Throws UserError `portInUse` or `targetStartFailed`, and
 * the signal's reason where it was aborted; nothing is left running then.
 */
export async function startManaged(
  plan: EnsemblePlan,
  options: StartOptions,
  reservePorts: ReservePorts = reserveLoopbackPorts,
): Promise<Ensemble> {
  assert(Number.isInteger(options.servers) && options.servers > 0, "an ensemble has at least one server");
  for (let attempt = 1; ; attempt++) {
    options.signal?.throwIfAborted();
    try {
      return await startOnce(plan, options, reservePorts);
    } catch (error) {
      const clash = error instanceof UserError && error.kind === USER_ERRORS.portInUse;
      if (!clash || attempt === START_ATTEMPTS) throw error;
    }
  }
}

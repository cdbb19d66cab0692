import { copyFile } from "node:fs/promises";
import { assert } from "../../base/assert.js";
import { USER_ERRORS, UserError } from "../../base/user-error.js";
import type { MemberRole, StartOptions } from "../target.js";
import {
  ManagedMember,
  type MemberPlan,
  type ServerTraits,
  StartFailure,
  toUserError,
  waitUntilServing,
} from "./managed-member.js";
import { type PortReservation, type ReservePorts, reserveLoopbackPorts } from "./ports.js";
import { ScratchFolder } from "./scratch-folder.js";

/** How a kind of server is started; the rest is the same for all. */
export interface ServersPlan extends ServerTraits {
  readonly portsPerServer: number;
  /** Writes the configuration of every member below `folder`. `ports[i]` are those of member i + 1. */
  prepare(folder: string, ports: readonly (readonly number[])[]): Promise<readonly MemberPlan[]>;
}

const START_ATTEMPTS = 3;

/** Servers that run; whoever gets it has to stop it. */
export class ManagedServers {
  readonly members: readonly ManagedMember[];
  readonly folder: string;
  readonly #scratch: ScratchFolder;
  #stopped: Promise<void> | undefined;

  constructor(members: readonly ManagedMember[], scratch: ScratchFolder) {
    this.members = members;
    this.folder = scratch.path;
    this.#scratch = scratch;
  }

  /** Idempotent; see `Ensemble.stop`. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    await this.endProcesses();
    await this.#scratch.remove();
  }

  async endProcesses(): Promise<void> {
    await Promise.all(this.members.map((member) => member.close()));
  }
}

/** All of them serve and exactly one leads: while they still vote there may be none, or the one that was. */
function isWhole(roles: readonly MemberRole[]): boolean {
  const leaders = roles.filter((role) => role === "leader" || role === "standalone");
  return leaders.length === 1 && roles.every((role) => role !== "unreachable");
}

async function startOnce(
  plan: ServersPlan,
  options: StartOptions,
  reservePorts: ReservePorts,
): Promise<ManagedServers> {
  const scratch = await ScratchFolder.create({
    purpose: plan.name,
    parent: options.scratchParent,
    keep: options.keepFolder,
  });
  let reservations: PortReservation[] = [];
  let servers = new ManagedServers([], scratch);
  try {
    reservations = await reservePorts(options.servers * plan.portsPerServer);
    const byMember = Array.from({ length: options.servers }, (_, index) =>
      reservations.slice(index * plan.portsPerServer, (index + 1) * plan.portsPerServer),
    );
    const ports = byMember.map((held) => held.map((reservation) => reservation.port));
    const plans = await plan.prepare(scratch.path, ports);
    const members = plans.map((member, index) => new ManagedMember(index + 1, member, ports[index]!, plan));
    servers = new ManagedServers(members, scratch);
    for (const [index, member] of members.entries()) {
      await Promise.all(byMember[index]!.map((reservation) => reservation.release()));
      member.launch();
    }
    const timeout = AbortSignal.timeout(plan.readyTimeoutMs);
    const signals = options.signal === undefined ? [timeout] : [timeout, options.signal];
    await waitUntilServing(members, isWhole, AbortSignal.any(signals));
    return servers;
  } catch (error) {
    await Promise.all(reservations.map((reservation) => reservation.release()));
    await servers.endProcesses();
    const told = error instanceof StartFailure ? await keepLog(error, plan, options, scratch) : error;
    await servers.stop();
    options.signal?.throwIfAborted();
    throw told;
  }
}

/** The folder goes, but the log that tells why must stay readable under the path that the message names. */
async function keepLog(
  failure: StartFailure,
  plan: ServersPlan,
  options: StartOptions,
  scratch: ScratchFolder,
): Promise<UserError> {
  const logPath = failure.member.plan.command.logPath;
  if (options.keepFolder === true || options.signal?.aborted === true)
    return await toUserError(plan.name, failure, logPath);
  const kept = `${scratch.path}.log`;
  const error = await toUserError(plan.name, failure, kept);
  if (error.kind === USER_ERRORS.targetStartFailed) await copyFile(logPath, kept);
  return error;
}

/**
 * Starts the servers and resolves when all of them serve. Ports that someone else took in the moment between their
 * release and the server's own bind are tried again with others. Throws UserError `portInUse` or `targetStartFailed`, and
 * the signal's reason where it was aborted; nothing is left running then.
 */
export async function startServers(
  plan: ServersPlan,
  options: StartOptions,
  reservePorts: ReservePorts = reserveLoopbackPorts,
): Promise<ManagedServers> {
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

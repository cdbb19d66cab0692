import type {
  MemberCost,
  OperationResult,
  OutageRecord,
  RoundResult,
  RunResult,
  TargetResult,
} from "../bench/result.js";

/** Figures that several reports derive from a result in the same way. */

export function errorCount(operations: readonly Pick<OperationResult, "errors">[]): number {
  return operations.reduce((sum, { errors }) => sum + Object.values(errors).reduce((a, b) => a + b, 0), 0);
}

export function okCount(operations: readonly Pick<OperationResult, "ok">[]): number {
  return operations.reduce((sum, { ok }) => sum + ok, 0);
}

/** Names in the order of their first appearance, over all targets. */
export function operationNames(result: RunResult): readonly string[] {
  return [...new Set(result.targets.flatMap((target) => target.operations.map((operation) => operation.name)))];
}

/** What server processes used per successful operation; null where it is not known or nothing succeeded. */
export interface OperationCost {
  readonly cpuMicros: number | null;
  readonly writtenBytes: number | null;
  readonly syncs: number | null;
}

/** What the server processes of a target used, one by one, beside what they used together. */
export interface MemberOperationCost extends OperationCost {
  readonly member: number;
}

/**
 * Over all members of the given rounds, per operation of those that are `counted` (see `RunResult`): servers do not account
 * for kinds of operations apart.
 */
export function costPerOperation(rounds: readonly RoundResult[], counted: readonly string[]): OperationCost {
  const known = rounds.filter((round) => round.members.length > 0);
  return costOf(
    known.flatMap((round) => round.members),
    countedOk(known, counted),
  );
}

/** The same of each server process. */
export function costByMember(
  rounds: readonly RoundResult[],
  counted: readonly string[],
): readonly MemberOperationCost[] {
  const ids = [...new Set(rounds.flatMap((round) => round.members.map(({ member }) => member)))];
  return ids.map((member) => {
    const known = rounds.filter((round) => round.members.some((each) => each.member === member));
    const own = known.flatMap((round) => round.members.filter((each) => each.member === member));
    return { member, ...costOf(own, countedOk(known, counted)) };
  });
}

/** Successful operations of those that costs are divided by. */
export function countedOk(rounds: readonly RoundResult[], counted: readonly string[]): number {
  return okCount(rounds.flatMap((round) => round.operations.filter(({ name }) => counted.includes(name))));
}

function costOf(members: readonly MemberCost[], operations: number): OperationCost {
  if (operations === 0 || members.length === 0) return { cpuMicros: null, writtenBytes: null, syncs: null };
  const per = (figure: (member: MemberCost) => number): number =>
    members.reduce((sum, member) => sum + figure(member), 0) / operations;
  const syncsKnown = members.every((member) => member.syncs !== null);
  return {
    cpuMicros: per((member) => member.cpuMicros),
    writtenBytes: per((member) => member.writtenBytes),
    syncs: syncsKnown ? per((member) => member.syncs ?? 0) : null,
  };
}

/** The latest that 1% of the sends of an open loop were, in the worst of these rounds: percentiles are not averaged. */
export function sendLagP99(rounds: readonly RoundResult[]): number | null {
  const lags = rounds.flatMap(({ client }) => (client.sendLag === null ? [] : [client.sendLag.p99]));
  return lags.length === 0 ? null : Math.max(...lags);
}

/** True where load was offered at a fixed rate, so that throughput says nothing about the servers. */
export function isOpenLoop(result: RunResult): boolean {
  const rounds = result.targets.flatMap((target) => target.rounds);
  return rounds.length > 0 && rounds.every((round) => round.client.ratePerSecond !== null);
}

/** The rounds (their index) in which the clients of this target were the limit. */
export function saturatedRounds(target: TargetResult): readonly number[] {
  return target.rounds.filter((round) => round.client.saturated).map((round) => round.index);
}

/** When the fault struck and ended, in microseconds from the start of its round. */
export function outageWithinRound(
  target: TargetResult,
  outage: OutageRecord,
): { readonly fromMicros: number; readonly toMicros: number | null } | null {
  const round = target.rounds.find((each) => each.index === outage.round);
  if (round === undefined) return null;
  const toMicros = outage.endMicros === null ? null : outage.endMicros - round.startMicros;
  return { fromMicros: outage.startMicros - round.startMicros, toMicros };
}

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

/** What the servers of a target used per successful operation; null where it is not known or nothing succeeded. */
export interface OperationCost {
  readonly cpuMicros: number | null;
  readonly writtenBytes: number | null;
  readonly syncs: number | null;
}

/** Over all members and operations of the given rounds: servers do not account for kinds of operations apart. */
export function costPerOperation(rounds: readonly RoundResult[]): OperationCost {
  const known = rounds.filter((round) => round.members.length > 0);
  const operations = known.reduce((sum, round) => sum + okCount(round.operations), 0);
  const members = known.flatMap((round) => round.members);
  if (operations === 0) return { cpuMicros: null, writtenBytes: null, syncs: null };
  const per = (figure: (member: MemberCost) => number): number =>
    members.reduce((sum, member) => sum + figure(member), 0) / operations;
  const syncsKnown = members.every((member) => member.syncs !== null);
  return {
    cpuMicros: per((member) => member.cpuMicros),
    writtenBytes: per((member) => member.writtenBytes),
    syncs: syncsKnown ? per((member) => member.syncs ?? 0) : null,
  };
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

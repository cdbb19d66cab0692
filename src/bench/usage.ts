import type { Ensemble, ProcessUsage } from "../targets/target.js";
import type { MemberCost } from "./result.js";

/** Of each member, in the ensemble's order; undefined for one that is attached or not running. */
export type EnsembleUsage = readonly (ProcessUsage | undefined)[];

export async function readUsage(ensemble: Ensemble): Promise<EnsembleUsage> {
  return await Promise.all(ensemble.members.map((member) => member.usage()));
}

/** What each member used between two readings; members without both are left out. */
export function costBetween(ensemble: Ensemble, before: EnsembleUsage, after: EnsembleUsage): MemberCost[] {
  return ensemble.members.flatMap((member, index) => {
    const from = before[index];
    const to = after[index];
    if (from === undefined || to === undefined) return [];
    return [
      {
        member: member.id,
        cpuMicros: to.cpuMicros - from.cpuMicros,
        writtenBytes: to.writtenBytes - from.writtenBytes,
        syncs: from.syncs === undefined || to.syncs === undefined ? null : to.syncs - from.syncs,
        residentBytes: to.residentBytes,
      },
    ];
  });
}

export function cpuBetween(before: EnsembleUsage, after: EnsembleUsage): number {
  return after.reduce((sum, usage, index) => {
    const from = before[index];
    return usage === undefined || from === undefined ? sum : sum + usage.cpuMicros - from.cpuMicros;
  }, 0);
}

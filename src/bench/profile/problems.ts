import { formatMicros } from "../../base/units.js";
import { outlasting } from "../workloads/outlasting.js";
import { kindOf } from "../workloads/registry.js";
import type { KindProblem, WorkloadSetting } from "../workloads/workload-kind.js";
import type { Loop, Profile, Workload } from "./profile.js";

/** What cannot be done as it is written, or would be done otherwise, though every value is one by itself. */
export function problemsOf(workload: Workload, loop: Loop, setting: WorkloadSetting): readonly KindProblem[] {
  return [
    ...scheduleProblems(loop, setting.durationMicros),
    // To hold means the same in every kind that does.
    ...("holdMicros" in workload ? outlasting({ hold: workload.holdMicros }, setting.durationMicros) : []),
    ...(kindOf(workload).problems?.(workload, setting) ?? []),
  ];
}

/** What a profile's round is too short for. Only an option can have made it so: else it is no valid profile. */
export function roundTooShortFor(profile: Profile): readonly string[] {
  return problemsOf(profile.workload, profile.loop, profile)
    .filter(({ needsLongerRound }) => needsLongerRound === true)
    .map(({ path, message }) => `${path.join(".")}: ${message}`);
}

/** What comes after the end of a round would never come; the last rate of a schedule that is shorter is held. */
function scheduleProblems(loop: Loop, durationMicros: number): KindProblem[] {
  if (loop.kind !== "open" || loop.pieces === undefined) return [];
  const lasting = loop.pieces.reduce((sum, piece) => sum + piece.durationMicros, 0);
  if (lasting <= durationMicros) return [];
  const message = `the schedule takes ${formatMicros(lasting)}, and a round of ${formatMicros(durationMicros)} would cut it off; lengthen duration, or shorten the schedule`;
  return [{ path: ["loop"], message, needsLongerRound: true }];
}

import { formatMicros } from "../../base/units.js";
import type { KindProblem } from "./workload-kind.js";

/** Of times that a workload takes, by their keys, those that a round of `durationMicros` is over before. */
export function outlasting(times: Readonly<Record<string, number>>, durationMicros: number): KindProblem[] {
  return Object.entries(times)
    .filter(([, micros]) => micros >= durationMicros)
    .map(([key, micros]) => ({
      path: ["workload", key],
      message: `${formatMicros(micros)} must be shorter than a round of ${formatMicros(durationMicros)}; lengthen duration, or shorten this`,
      needsLongerRound: true,
    }));
}

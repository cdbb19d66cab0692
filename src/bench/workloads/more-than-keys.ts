import type { KindProblem } from "./workload-kind.js";

/** Of what a workload does to values, by key, that of which there is more than there are values. */
export function moreThanKeys(counts: Readonly<Record<string, number>>, keys: number): KindProblem[] {
  return Object.entries(counts)
    .filter(([, count]) => count > keys)
    .map(([key]) => ({
      path: ["workload", key],
      message: `must be at most the number of keys, ${keys}; raise keys, or lower this`,
    }));
}

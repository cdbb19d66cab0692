import { fairnessOf } from "../../fairness.js";
import type { MetricRecord } from "../../result.js";
import type { Measured } from "../workload-kind.js";

/** `contending`: the share of connections that contend, 0 to 1; the others' acquisitions, which are none, do not count. */
export function contentionMetrics({ figures, durationMicros }: Measured, contending = 1): MetricRecord[] {
  const acquisitions = figures["acquisitions"] ?? [];
  const sum = total(acquisitions);
  const contenders = Math.round(acquisitions.length * contending);
  return [
    {
      name: "acquisitions-per-second",
      value: durationMicros === 0 ? 0 : (sum / durationMicros) * 1e6,
      unit: "1/s",
    },
    { name: "fairness", value: fairnessOf(acquisitions, contenders), unit: "" },
    { name: "events-per-acquisition", value: sum === 0 ? 0 : total(figures["events"] ?? []) / sum, unit: "events" },
  ];
}

function total(each: readonly number[]): number {
  return each.reduce((sum, value) => sum + value, 0);
}

import { fairnessOf } from "../../fairness.js";
import type { MetricRecord } from "../../result.js";
import type { Measured } from "../workload-kind.js";

/** `contending`: the share of connections that contend, 0 to 1; the others' acquisitions, which are none, do not count. */
export function contentionMetrics({ figures, durationMicros }: Measured, contending = 1): MetricRecord[] {
  const acquisitions = figures["acquisitions"] ?? [];
  const sum = total(acquisitions);
  const released = total(figures["releases-waited-for"] ?? []);
  const contenders = Math.round(acquisitions.length * contending);
  return [
    {
      name: "acquisitions-per-second",
      value: durationMicros === 0 ? 0 : (sum / durationMicros) * 1e6,
      unit: "1/s",
    },
    { name: "fairness", value: fairnessOf(acquisitions, contenders), unit: "" },
    { name: "events-per-acquisition", value: sum === 0 ? 0 : total(figures["events"] ?? []) / sum, unit: "events" },
    // Who has just released it is there first where no queue keeps it from taking it again.
    { name: "taken-again-share", value: released === 0 ? 0 : total(figures["taken-again"] ?? []) / released, unit: "" },
  ];
}

function total(each: readonly number[]): number {
  return each.reduce((sum, value) => sum + value, 0);
}

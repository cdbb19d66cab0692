import { addPacked, createHistogram, type Histogram, recordOf } from "./histogram.js";
import type { CheckTally, LoadReport, OperationReport, SecondReport } from "./load/load.js";
import type { CheckRecord, OperationResult, SecondRow } from "./result.js";

/** All that is known of one operation, from any number of workers and rounds. Histograms are merged, never averaged. */
class OperationTotal {
  readonly name: string;
  private ok = 0;
  private okInWindow = 0;
  private readonly errors: Record<string, number> = {};
  private readonly latency = createHistogram();
  private service: Histogram | undefined;

  constructor(name: string) {
    this.name = name;
  }

  add(report: OperationReport): void {
    this.ok += report.ok;
    this.okInWindow += report.okInWindow;
    for (const [error, count] of Object.entries(report.errors)) this.errors[error] = (this.errors[error] ?? 0) + count;
    for (const second of report.seconds) {
      if (second.latency !== undefined) addPacked(this.latency, second.latency);
      if (second.service !== undefined) {
        this.service ??= createHistogram();
        addPacked(this.service, second.service);
      }
    }
  }

  result(durationMicros: number): OperationResult {
    return {
      name: this.name,
      ok: this.ok,
      errors: { ...this.errors },
      opsPerSecond: durationMicros > 0 ? (this.okInWindow / durationMicros) * 1e6 : 0,
      latency: recordOf(this.latency),
      service: this.service === undefined ? null : recordOf(this.service),
    };
  }

  destroy(): void {
    this.latency.destroy();
    this.service?.destroy();
  }
}

/** Merges reports into one result per operation, in the order the operations first came. */
export function mergeOperations(reports: readonly LoadReport[], durationMicros: number): OperationResult[] {
  const totals = new Map<string, OperationTotal>();
  for (const operation of reports.flatMap((report) => report.operations)) {
    const total = totals.get(operation.name) ?? new OperationTotal(operation.name);
    totals.set(operation.name, total);
    total.add(operation);
  }
  const merged = [...totals.values()].map((total) => total.result(durationMicros));
  for (const total of totals.values()) total.destroy();
  return merged;
}

/** One row per second and operation, ordered by both. */
export function mergeSeconds(reports: readonly LoadReport[]): SecondRow[] {
  const groups = new Map<string, SecondReport[]>();
  for (const operation of reports.flatMap((report) => report.operations)) {
    for (const second of operation.seconds) {
      const key = `${second.second} ${operation.name}`;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [second]);
      else group.push(second);
    }
  }
  const rows: SecondRow[] = [];
  for (const [key, group] of groups) {
    const latency = createHistogram();
    for (const second of group) if (second.latency !== undefined) addPacked(latency, second.latency);
    const at = (percentile: number): number | null =>
      latency.totalCount === 0 ? null : latency.getValueAtPercentile(percentile);
    rows.push({
      second: (group[0] as SecondReport).second,
      operation: key.slice(key.indexOf(" ") + 1),
      ok: group.reduce((sum, second) => sum + second.ok, 0),
      errors: group.reduce((sum, second) => sum + second.errors, 0),
      p50: at(50),
      p99: at(99),
      max: at(100),
    });
    latency.destroy();
  }
  return rows.sort((a, b) => a.second - b.second || (a.operation < b.operation ? -1 : 1));
}

/** A check that observed nothing is `unknown`: it would otherwise be green by accident. */
export function mergeChecks(tallies: readonly CheckTally[]): CheckRecord[] {
  const names = [...new Set(tallies.map((tally) => tally.name))];
  return names.map((name) => {
    const own = tallies.filter((tally) => tally.name === name);
    const observations = own.reduce((sum, tally) => sum + tally.observations, 0);
    const violations = own.reduce((sum, tally) => sum + tally.violations, 0);
    const first = own.find((tally) => tally.detail !== "")?.detail ?? "";
    if (violations > 0) {
      return { name, verdict: "invalid", detail: `${violations} violations, the first: ${first}`, observations };
    }
    if (observations === 0) return { name, verdict: "unknown", detail: "nothing was observed", observations };
    return { name, verdict: "valid", detail: "", observations };
  });
}

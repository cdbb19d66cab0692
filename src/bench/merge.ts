import { addPacked, createHistogram, type Histogram, recordOf } from "./histogram.js";
import type { CheckTally, LoadReport, OperationReport, SecondBatch } from "./load/load.js";
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
    if (report.latency !== undefined) addPacked(this.latency, report.latency);
    if (report.service !== undefined) {
      this.service ??= createHistogram();
      addPacked(this.service, report.service);
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

/** A second of one operation, of all workers: what must be known before its percentiles are. */
interface OpenSecond {
  readonly second: number;
  readonly operation: string;
  ok: number;
  errors: number;
  readonly latency: Histogram;
}

/**
 * Makes one row per second and operation of the seconds that workers tell of, as they go: a histogram is kept only until
 * the last worker has passed its second, so that memory does not grow with the run but by the rows.
 */
export class SecondMerger {
  private readonly begun: number[];
  private readonly open = new Map<string, OpenSecond>();
  private readonly rows: SecondRow[] = [];

  constructor(workers: number) {
    this.begun = new Array<number>(workers).fill(0);
  }

  /** Histograms that are held: of seconds that some worker may still add to. */
  get held(): number {
    return this.open.size;
  }

  add(worker: number, batch: SecondBatch): void {
    for (const report of batch.seconds) {
      const key = `${report.second} ${report.operation}`;
      let open = this.open.get(key);
      if (open === undefined) {
        const { second, operation } = report;
        open = { second, operation, ok: 0, errors: 0, latency: createHistogram() };
        this.open.set(key, open);
      }
      open.ok += report.ok;
      open.errors += report.errors;
      if (report.latency !== undefined) addPacked(open.latency, report.latency);
    }
    this.begun[worker] = batch.begun;
    this.close(Math.min(...this.begun));
  }

  /** Every row, ordered by second and operation; the seconds that a worker that ended without a word left open, too. */
  finish(): SecondRow[] {
    this.close(Number.POSITIVE_INFINITY);
    return this.rows.sort((a, b) => a.second - b.second || (a.operation < b.operation ? -1 : 1));
  }

  private close(before: number): void {
    for (const [key, { second, operation, ok, errors, latency }] of this.open) {
      if (second >= before) continue;
      const at = (percentile: number): number | null =>
        latency.totalCount === 0 ? null : latency.getValueAtPercentile(percentile);
      this.rows.push({ second, operation, ok, errors, p50: at(50), p99: at(99), max: at(100) });
      latency.destroy();
      this.open.delete(key);
    }
  }
}

/**
 * Judges each check over windows of load that began anew each, such as rounds; `windows` holds what all workers tallied in
 * each. A check is `valid` only where every window observed something of it and left nothing unjudged: what one round has
 * shown says nothing of another one. Without that it is `unknown`, for it would be green by accident.
 */
export function mergeChecks(windows: readonly (readonly CheckTally[])[]): CheckRecord[] {
  const names = [...new Set(windows.flat().map((tally) => tally.name))];
  return names.map((name) => {
    const each = windows.map((window) => totalTally(window.filter((tally) => tally.name === name)));
    const all = totalTally(each);
    const { observations } = all;
    if (all.violations > 0) {
      const first = each.find((tally) => tally.violations > 0) as TallyTotal;
      const detail = `${all.violations} violations, the first: ${first.detail}`;
      return { name, verdict: "invalid", detail, observations };
    }
    if (all.unjudged > 0) {
      const first = each.find((tally) => tally.unjudged > 0) as TallyTotal;
      return {
        name,
        verdict: "unknown",
        detail: `${all.unjudged} not judged, the first: ${first.detail}`,
        observations,
      };
    }
    if (observations === 0) return { name, verdict: "unknown", detail: "nothing was observed", observations };
    const observed = each.filter((tally) => tally.observations > 0).length;
    if (observed < each.length) {
      const detail = `something was observed in ${observed} of ${each.length} rounds only`;
      return { name, verdict: "unknown", detail, observations };
    }
    return { name, verdict: "valid", detail: "", observations };
  });
}

type TallyTotal = Omit<CheckTally, "name">;

/** The detail is of the first that is violated, else of the first with something unjudged. */
function totalTally(tallies: readonly TallyTotal[]): TallyTotal {
  const sum = (figure: "observations" | "violations" | "unjudged"): number =>
    tallies.reduce((total, tally) => total + tally[figure], 0);
  const telling = tallies.find((tally) => tally.violations > 0) ?? tallies.find((tally) => tally.unjudged > 0);
  return {
    observations: sum("observations"),
    violations: sum("violations"),
    unjudged: sum("unjudged"),
    detail: telling?.detail ?? "",
  };
}

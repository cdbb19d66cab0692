import { observedText, percent, significant } from "./format.js";
import { GATE_METRICS, type GateComparison, type GateReport } from "./gate.js";

const VERDICTS = {
  passed: "ok",
  regression: "REGRESSION",
  "within-spread": "ok, noisy",
  insufficient: "UNKNOWN",
} as const;

/** The gate's outcome for people: a table, a sentence for each figure that is not simply better or equal, the summary. */
export function gateText(report: GateReport): string {
  const header = ["target", "operation", "figure", "baseline", "now", "change", "verdict"];
  const rows = report.comparisons.map((comparison) => [
    comparison.target,
    comparison.operation,
    GATE_METRICS[comparison.metric].name + (comparison.reference === null ? "" : ` / ${comparison.reference}`),
    figure(comparison, comparison.baseline),
    figure(comparison, comparison.current),
    change(comparison),
    VERDICTS[comparison.verdict],
  ]);
  const blocks = [
    ...(rows.length === 0 ? [] : [aligned([header, ...rows])]),
    ...section(report.comparisons.map((comparison) => comparison.sentence)),
    ...section(
      report.checks
        .filter((check) => check.verdict !== "valid")
        .map((check) => `${check.target}: check ${check.verdict.toUpperCase()}: ${check.name}: ${check.detail}`),
    ),
    ...section(
      report.thresholds
        .filter((threshold) => !threshold.passed)
        .map(
          ({ target, metric, expression, observed }) =>
            `${target}: threshold missed: ${metric} ${expression}, ${observed === null ? "no samples" : `observed ${observedText(expression, observed)}`}`,
        ),
    ),
    ...section(report.incomplete),
    ...section(report.warnings.map((warning) => `warning: ${warning}`)),
    report.summary,
  ];
  return `${blocks.join("\n\n")}\n`;
}

const section = (lines: readonly string[]): readonly string[] => (lines.length === 0 ? [] : [lines.join("\n")]);

function figure(comparison: GateComparison, value: number | null): string {
  if (value === null) return "-";
  return comparison.reference === null
    ? `${significant(value)} ${GATE_METRICS[comparison.metric].unit}`
    : significant(value);
}

function change({ loss }: GateComparison): string {
  if (loss === null) return "-";
  if (Math.abs(loss) < 0.0005) return "same";
  return `${percent(Math.abs(loss))} ${loss > 0 ? "worse" : "better"}`;
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  return rows
    .map((row) =>
      row
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

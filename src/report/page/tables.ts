import type { LatencySummary, RunResult, TargetResult } from "../../bench/result.js";
import {
  costByMember,
  costPerOperation,
  countedOk,
  errorCount,
  isOpenLoop,
  okCount,
  operationNames,
  outageWithinRound,
  sendLagP99,
} from "../figures.js";
import { duration, integer, list, observedText, percent, perSecond, ratio, significant } from "../format.js";
import { throughputSpread } from "../headline.js";
import { OPERATIONS_MIN, type PercentileName, samplesNeeded, supportedPercentile } from "../samples.js";
import { totalPerSecond, variantTable } from "../variants.js";
import { html, type Markup, type Part } from "./markup.js";

/** A line as the charts draw it for the target at this position of the result. */
export function swatch(style: number): Markup {
  const dash = ["", "7 4", "2 3", "10 3 2 3", "4 2", "12 5"][style % 6] ?? "";
  return html`<svg width="30" height="10" aria-hidden="true"><line x1="0" x2="30" y1="5" y2="5" stroke="var(--target-${style % 6})" stroke-width="3" stroke-dasharray="${dash}"/></svg>`;
}

export function targetCell(result: RunResult, label: string): Markup {
  const style = result.targets.findIndex((target) => target.label === label);
  return html`<th scope="row" class="text"><span class="target">${style < 0 ? null : swatch(style)}${label}</span></th>`;
}

export interface Column {
  readonly name: string;
  readonly unit?: string;
  readonly kind?: "text" | "wide";
}

export function table(columns: readonly Column[], rows: readonly Markup[]): Markup {
  const heads = columns.map(
    ({ name, unit, kind }) =>
      html`<th scope="col" class="${kind ?? ""}">${name}${unit === undefined ? null : html`<span class="unit">${unit}</span>`}</th>`,
  );
  return html`<div class="scroll"><table><thead><tr>${heads}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

export const cell = (part: Part): Markup => html`<td>${part}</td>`;
export const textCell = (part: Part): Markup => html`<td class="wide">${part}</td>`;
export const none = html`<span class="lacking">–</span>`;

export const insufficient = (needed: string): Markup =>
  html`<span class="lacking" title="a figure needs ${needed}">insufficient</span>`;

function percentileCell(latency: LatencySummary | null, name: PercentileName): Markup {
  if (latency === null || latency.count === 0) return cell(none);
  const micros = supportedPercentile(latency, name);
  return cell(micros === null ? insufficient(`${integer(samplesNeeded(name))} samples`) : duration(micros));
}

function errorCell(errors: Readonly<Record<string, number>>): Markup {
  const names = Object.entries(errors).filter(([, count]) => count > 0);
  if (names.length === 0) return cell("0");
  return cell(names.map(([name, count], index) => html`${index === 0 ? null : html`<br>`}${name} ${integer(count)}`));
}

const PERCENTILE_COLUMNS = ["p50", "p90", "p99", "p999"] as const;

/** Null where the profile has no variants. */
export function variantMatrix(result: RunResult): Markup | null {
  const matrix = variantTable(result);
  if (matrix === undefined) return null;
  const columns: Column[] = [
    ...matrix.paths.map((name) => ({ name, kind: "text" }) as const),
    ...matrix.targets.map((name) => ({ name, unit: "operations/s" })),
  ];
  const rows = matrix.rows.map(
    ({ values, cells }) =>
      html`<tr>${values.map((value) => html`<th scope="row" class="text">${value}</th>`)}${cells.map((target, column) => variantCell(result, target, matrix.rows[0]?.cells[column]))}</tr>`,
  );
  return table(columns, rows);
}

function variantCell(result: RunResult, target: TargetResult | undefined, first: TargetResult | undefined): Markup {
  if (target === undefined || target.rounds.length === 0) return cell(none);
  const rate = totalPerSecond(result, target);
  const base = first === undefined || first === target ? 0 : totalPerSecond(result, first);
  return cell(base === 0 ? perSecond(rate) : [perSecond(rate), html` <span class="unit">${ratio(rate / base)}</span>`]);
}

export function comparisonTable(result: RunResult): Markup {
  const columns: Column[] = [
    { name: "Target", kind: "text" },
    { name: "Throughput", unit: "operations/s" },
    { name: "Spread", unit: "± of rounds" },
    ...["p50", "p90", "p99", "p99.9", "Max"].map((name) => ({ name, unit: "latency" })),
    ...(isOpenLoop(result) ? [{ name: "Send lag", unit: "p99, worst round" }] : []),
    { name: "Errors", unit: "count" },
    { name: "CPU", unit: "µs/op" },
    { name: "Written", unit: "bytes/op" },
    { name: "Syncs", unit: "per op" },
  ];
  const group = (title: string): Markup =>
    html`<tr class="group"><th colspan="${columns.length}" scope="colgroup">${title}</th></tr>`;
  const byOperation = operationNames(result).flatMap((name) => [
    group(name),
    ...result.targets.flatMap((target) => operationRow(result, target, name)),
  ]);
  const all = [
    group(`all operations (per operation: ${list(result.counted)})`),
    ...result.targets.map((target) => totalRow(result, target)),
  ];
  return table(columns, [...byOperation, ...all]);
}

function operationRow(result: RunResult, target: TargetResult, name: string): readonly Markup[] {
  const operation = target.operations.find((each) => each.name === name);
  if (operation === undefined) return [];
  const enough = operation.ok >= OPERATIONS_MIN;
  const { latency } = operation;
  return [
    html`<tr>${targetCell(result, target.label)}
${cell(enough ? perSecond(operation.opsPerSecond) : insufficient(`${OPERATIONS_MIN} operations`))}
${cell((enough ? throughputSpread(target, name) : null) ?? none)}
${PERCENTILE_COLUMNS.map((percentile) => percentileCell(latency, percentile))}
${cell(latency === null || latency.count === 0 ? none : duration(latency.max))}
${sendLagCell(result, target)}${errorCell(operation.errors)}${costCells(result, target)}</tr>`,
  ];
}

function sendLagCell(result: RunResult, target: TargetResult): Markup | null {
  return isOpenLoop(result) ? cell(micros(sendLagP99(target.rounds))) : null;
}

/** What the servers used per operation of any kind; below it, where there are several, what each did. */
function costCells(result: RunResult, target: TargetResult): readonly Markup[] {
  const whole = costPerOperation(target.rounds, result.counted);
  const members = costByMember(target.rounds, result.counted);
  return (["cpuMicros", "writtenBytes", "syncs"] as const).map((figure) => {
    const value = whole[figure];
    if (value === null || okCount(target.operations) < OPERATIONS_MIN) return cell(none);
    if (members.length < 2) return cell(significant(value));
    const each = members.map(
      (member) => html`<span class="unit">${member.member}: ${significant(member[figure] ?? 0)}</span>`,
    );
    return cell(html`${significant(value)}${each}`);
  });
}

function totalRow(result: RunResult, target: TargetResult): Markup {
  const counted = target.operations.filter(({ name }) => result.counted.includes(name));
  const rate = counted.reduce((sum, operation) => sum + operation.opsPerSecond, 0);
  const enough = okCount(counted) >= OPERATIONS_MIN;
  return html`<tr>${targetCell(result, target.label)}
${cell(enough ? perSecond(rate) : insufficient(`${OPERATIONS_MIN} operations`))}${cell(none)}
${PERCENTILE_COLUMNS.map(() => cell(none))}${cell(none)}
${sendLagCell(result, target)}${cell(integer(errorCount(target.operations)))}
${costCells(result, target)}</tr>`;
}

const VERDICTS = { valid: "✓ valid", invalid: "✗ INVALID", unknown: "? UNKNOWN" } as const;

export function checkTable(result: RunResult): Markup | null {
  const rows = result.targets.flatMap((target) =>
    target.checks.map(
      (check) => html`<tr>${targetCell(result, target.label)}${textCell(check.name)}
<td class="text"><span class="verdict ${check.verdict}">${VERDICTS[check.verdict]}</span></td>
${cell(integer(check.observations))}${textCell(check.detail)}</tr>`,
    ),
  );
  if (rows.length === 0) return null;
  return table(
    [
      { name: "Target", kind: "text" },
      { name: "What must hold", kind: "wide" },
      { name: "Verdict", kind: "text" },
      { name: "Observations", unit: "count" },
      { name: "Detail", kind: "wide" },
    ],
    rows,
  );
}

export function thresholdTable(result: RunResult): Markup | null {
  if (result.thresholds.length === 0) return null;
  return table(
    [
      { name: "Target", kind: "text" },
      { name: "Figure", kind: "text" },
      { name: "Must hold", kind: "text" },
      { name: "Observed" },
      { name: "Outcome", kind: "text" },
    ],
    result.thresholds.map(
      (threshold) => html`<tr>${targetCell(result, threshold.target)}<td class="text">${threshold.metric}</td>
<td class="text"><code>${threshold.expression}</code></td>
${cell(threshold.observed === null ? insufficient("samples") : observedText(threshold.expression, threshold.observed))}
<td class="text"><span class="verdict ${threshold.passed ? "valid" : "invalid"}">${threshold.passed ? "✓ passed" : "✗ missed"}</span></td></tr>`,
    ),
  );
}

const micros = (value: number | null): Part => (value === null ? none : duration(value));

export function outageTable(result: RunResult): Markup | null {
  const rows = result.targets.flatMap((target) =>
    target.outages.map((outage) => {
      const within = outageWithinRound(target, outage);
      const lasted = outage.endMicros === null ? null : outage.endMicros - outage.startMicros;
      return html`<tr>${targetCell(result, target.label)}
<td class="text">${outage.fault}${outage.member === null ? null : `, server ${outage.member}`}</td>
${cell(outage.round + 1)}${cell(within === null ? none : duration(within.fromMicros))}
${cell(lasted === null ? "to the end" : duration(lasted))}
${cell(outage.overallMicros === null ? "never served again" : html`<b>${duration(outage.overallMicros)}</b>`)}
${cell(micros(outage.perClient?.p50 ?? null))}${cell(micros(outage.perClient?.max ?? null))}
${cell(outage.recoveryMicros === null ? "never" : duration(outage.recoveryMicros))}</tr>`;
    }),
  );
  if (rows.length === 0) return null;
  return table(
    [
      { name: "Target", kind: "text" },
      { name: "Fault", kind: "text" },
      { name: "Round" },
      { name: "Struck at", unit: "into the round" },
      { name: "Fault lasted" },
      { name: "Outage", unit: "all clients" },
      { name: "Outage", unit: "median client" },
      { name: "Outage", unit: "worst client" },
      { name: "Recovered", unit: "to 90% throughput" },
    ],
    rows,
  );
}

const PHASES = ["before", "during", "after"] as const;

/** Latency before, during and after each fault, and what failed. */
export function outagePhaseTable(result: RunResult): Markup | null {
  const rows = result.targets.flatMap((target) =>
    target.outages.map((outage) => {
      const summaries = PHASES.map((name) => outage.phases.find((each) => each.phase === name)?.latency ?? null);
      return html`<tr>${targetCell(result, target.label)}<td class="text">${outage.fault}</td>${cell(outage.round + 1)}
${(["p50", "p99"] as const).map((name) => summaries.map((summary) => percentileCell(summary, name)))}
${errorCell(outage.errors)}${cell(integer(outage.sessionsLost))}</tr>`;
    }),
  );
  if (rows.length === 0) return null;
  const columns = ["p50", "p99"].flatMap((name) => PHASES.map((phase) => ({ name, unit: phase })));
  return table(
    [
      { name: "Target", kind: "text" },
      { name: "Fault", kind: "text" },
      { name: "Round" },
      ...columns,
      { name: "Errors", unit: "count" },
      { name: "Sessions", unit: "lost" },
    ],
    rows,
  );
}

export function metricTable(result: RunResult): Markup | null {
  const rows = result.targets.flatMap((target) =>
    target.metrics.map(
      (metric) => html`<tr>${targetCell(result, target.label)}<td class="text">${metric.name}</td>
${cell(significant(metric.value))}<td class="text">${metric.unit}</td></tr>`,
    ),
  );
  if (rows.length === 0) return null;
  return table(
    [
      { name: "Target", kind: "text" },
      { name: "Figure", kind: "text" },
      { name: "Value" },
      { name: "Unit", kind: "text" },
    ],
    rows,
  );
}

/** How the load of each round was made, and what else used the machine. */
export function loadTable(result: RunResult): Markup {
  const rows = result.targets.flatMap((target) =>
    target.rounds.map((round) => {
      const { client } = round;
      const idle = Object.values(round.idleCpuMicros).reduce((sum, cpu) => sum + cpu, 0);
      return html`<tr>${targetCell(result, target.label)}${cell(round.index + 1)}${cell(duration(round.durationMicros))}
${cell(client.workers)}${cell(integer(client.connections))}${cell(client.depth)}
${cell(client.ratePerSecond === null ? "closed loop" : perSecond(client.ratePerSecond))}
${cell(percent(client.eventLoopUtilizationMax))}${cell(percent(client.cpuMicros / Math.max(1, round.durationMicros)))}
${cell(micros(client.sendLag?.p99 ?? null))}${cell(percent(idle / Math.max(1, round.durationMicros)))}
<td class="text">${client.saturated ? html`<span class="verdict unknown">saturated</span>` : "no"}</td></tr>`;
    }),
  );
  return table(
    [
      { name: "Target", kind: "text" },
      { name: "Round" },
      { name: "Lasted" },
      { name: "Workers", unit: "count" },
      { name: "Connections", unit: "count" },
      { name: "Depth", unit: "outstanding each" },
      { name: "Rate asked", unit: "operations/s" },
      { name: "Busiest worker", unit: "% of its event loop" },
      { name: "Client CPU", unit: "% of one core" },
      { name: "Send lag", unit: "p99" },
      { name: "Idle targets", unit: "% of one core" },
      { name: "Clients the limit", kind: "text" },
    ],
    rows,
  );
}

export function memberTable(result: RunResult): Markup | null {
  const rows = result.targets.flatMap((target) =>
    target.rounds.flatMap((round) => {
      const operations = countedOk([round], result.counted);
      const per = (value: number | null): Part =>
        value === null || operations === 0 ? none : significant(value / operations);
      return round.members.map(
        (member) => html`<tr>${targetCell(result, target.label)}${cell(round.index + 1)}${cell(member.member)}
${cell(per(member.cpuMicros))}${cell(per(member.writtenBytes))}${cell(per(member.syncs))}
${cell(significant(member.residentBytes / 2 ** 20))}</tr>`,
      );
    }),
  );
  if (rows.length === 0) return null;
  return table(
    [
      { name: "Target", kind: "text" },
      { name: "Round" },
      { name: "Server" },
      { name: "CPU", unit: "µs/operation" },
      { name: "Written", unit: "bytes/operation" },
      { name: "Syncs", unit: "per operation" },
      { name: "Resident memory", unit: "MiB" },
    ],
    rows,
  );
}

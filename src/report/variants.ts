import type { RunResult, TargetResult } from "../bench/result.js";

/** The figures of a run with variants side by side: operations per second, all together. */
export interface VariantTable {
  /** What is varied, by path, and then the targets: what stands above the columns. */
  readonly paths: readonly string[];
  readonly targets: readonly string[];
  readonly rows: readonly {
    /** The name of each path's value. */
    readonly values: readonly string[];
    /** By target, in the order above; undefined where it was not measured. */
    readonly cells: readonly (TargetResult | undefined)[];
  }[];
}

/** Undefined where the profile has no variants. */
export function variantTable(result: RunResult): VariantTable | undefined {
  const varied = result.targets.filter((target) => target.variant !== undefined);
  const [first] = varied;
  if (first?.variant === undefined) return undefined;
  const paths = Object.keys(first.variant);
  const targets = [...new Set(varied.map(baseLabel))];
  const keys = [...new Set(varied.map(({ variant }) => JSON.stringify(variant)))];
  const rows = keys.map((key) => ({
    values: Object.values(JSON.parse(key) as Record<string, string>),
    cells: targets.map((base) =>
      varied.find((target) => baseLabel(target) === base && JSON.stringify(target.variant) === key),
    ),
  }));
  return { paths, targets, rows };
}

/** Its label without the variant's. */
function baseLabel({ label, variant }: TargetResult): string {
  const suffix = `-${Object.values(variant ?? {}).join("-")}`;
  return label.endsWith(suffix) ? label.slice(0, -suffix.length) : label;
}

/** All operations of a target that count, successful ones per second. */
export function totalPerSecond(result: RunResult, target: TargetResult): number {
  const counted = target.operations.filter((operation) => result.counted.includes(operation.name));
  return counted.reduce((sum, operation) => sum + operation.opsPerSecond, 0);
}

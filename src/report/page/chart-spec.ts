/** What the page's script draws; made by `chartSpecs`, carried in the page as JSON. */
export interface ChartSpec {
  readonly id: string;
  readonly kind: "throughput" | "latency" | "percentiles" | "rates";
  readonly xLabel: string;
  readonly yLabel: string;
  /** Seconds into the round (the middle of each second, since its figures are of the whole of it), 1 / (1 - percentile), or operations per second. Ascending. */
  readonly x: readonly number[];
  readonly series: readonly ChartSeries[];
  /** The lowest and highest value of the charts it is to be compared with, itself included; zeros without values. */
  readonly yBounds: readonly [number, number];
  readonly shades: readonly ChartShade[];
}

export interface ChartSeries {
  /** The target it belongs to. */
  readonly label: string;
  /** Which of the page's colours and dashes: the position of the target in the result. */
  readonly style: number;
  /** One for each x; operations per second, or microseconds. Null is a gap. */
  readonly values: readonly (number | null)[];
}

/** What is shaded of x: while a fault lasted (`to` null is until the end), or a mark, where `from` and `to` are the same. */
export interface ChartShade {
  readonly label: string;
  readonly from: number;
  readonly to: number | null;
}

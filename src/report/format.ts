const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** Three significant digits, trailing zeros kept: "2.10", "0.456", "12.3", "1,234". */
export function significant(value: number): string {
  if (value === 0) return "0";
  if (Math.abs(value) >= 999.5) return grouped.format(value);
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 6));
}

export const integer = (value: number): string => grouped.format(value);

/** Throughput: whole operations, unless there are few. */
export function perSecond(value: number): string {
  return value >= 100 ? integer(value) : significant(value);
}

/** A duration with the unit that suits it, three significant digits: "812 µs", "1.24 ms", "3.05 s". */
export function duration(micros: number): string {
  if (micros < 999.5) return `${Math.round(micros)} µs`;
  if (micros < 999_500) return `${significant(micros / 1_000)} ms`;
  return `${significant(micros / 1_000_000)} s`;
}

/** How long something took, for people: "48.2 s", "5 min 20 s". */
export function elapsed(micros: number): string {
  const seconds = Math.round(micros / 1_000_000);
  return seconds < 120 ? duration(micros) : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** What a threshold was held against, in the unit of what its expression bounds; `durationOf` words durations. */
export function observedText(expression: string, observed: number, durationOf = duration): string {
  if (expression.startsWith("rate")) return `${perSecond(observed)}/s`;
  if (expression.startsWith("count")) return integer(observed);
  return expression.startsWith("errors") ? percent(observed) : durationOf(observed);
}

export const ratio = (value: number): string => `${significant(value)}×`;

export const percent = (fraction: number): string => `${significant(fraction * 100)}%`;

/** "a", "a and b", "a, b and c". */
export function list(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

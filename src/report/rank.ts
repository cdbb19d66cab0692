/** Of values in ascending order; 0 without any. */
export function median(ascending: readonly number[]): number {
  const middle = ascending.length / 2;
  const upper = ascending[Math.floor(middle)] ?? 0;
  return Number.isInteger(middle) ? ((ascending[middle - 1] ?? upper) + upper) / 2 : upper;
}

/**
 * How probable it is that `higher` lies as far above `lower` as it does, or further, if both were drawn from one
 * distribution: the exact one-sided rank-sum test (Mann and Whitney, 1947). Ties count half, which is on the safe side of
 * calling a difference. 1 where a side is empty.
 */
export function separationProbability(higher: readonly number[], lower: readonly number[]): number {
  const [rows, columns] = [higher.length, lower.length];
  if (rows === 0 || columns === 0) return 1;
  let wins = 0;
  for (const high of higher) for (const low of lower) wins += high > low ? 1 : high === low ? 0.5 : 0;
  // A half win is rounded down: less separation, a larger probability.
  const observed = Math.floor(wins);
  let total = 0;
  let beyond = 0;
  countsByWins(rows, columns).forEach((count, index) => {
    total += count;
    if (index >= observed) beyond += count;
  });
  return beyond / total;
}

/** How many orders of `rows` and `columns` values have 0, 1, ... rows x columns wins of a row over a column. */
function countsByWins(rows: number, columns: number): readonly number[] {
  // orders(r, c, w) = orders(r - 1, c, w - c) + orders(r, c - 1, w): the largest value is either a row's, which wins
  // over all c columns, or a column's.
  const width = rows * columns + 1;
  let previous: number[][] = Array.from({ length: columns + 1 }, () => [1, ...new Array<number>(width - 1).fill(0)]);
  for (let row = 1; row <= rows; row++) {
    const next: number[][] = [[1, ...new Array<number>(width - 1).fill(0)]];
    for (let column = 1; column <= columns; column++) {
      const fewer = next[column - 1] ?? [];
      const above = previous[column] ?? [];
      next.push(Array.from({ length: width }, (_, wins) => (fewer[wins] ?? 0) + (above[wins - column] ?? 0)));
    }
    previous = next;
  }
  return previous[columns] ?? [];
}

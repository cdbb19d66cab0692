/**
 * Jain's index: 1 where all have the same share, 1/n where one of n has it all. `sharers` is n where `shares` holds others
 * too, with shares of 0.
 */
export function fairnessOf(shares: readonly number[], sharers = shares.length): number {
  const sum = shares.reduce((total, share) => total + share, 0);
  const squares = shares.reduce((total, share) => total + share * share, 0);
  return squares === 0 ? 0 : (sum * sum) / (sharers * squares);
}

import { type RandomSource, randomBelow } from "../../base/random.js";

/**
 * When to take a snapshot: after between a half and all of so many transactions, so that the members of an ensemble do
 * not all take theirs at once.
 */
export class SnapshotPolicy {
  private dueAtCount: number;
  private readonly transactionsMax: number;
  private readonly random: RandomSource;

  constructor(transactionsMax: number, random: RandomSource) {
    this.transactionsMax = transactionsMax;
    this.random = random;
    this.dueAtCount = this.nextDue(0);
  }

  /** `transactionCount` counts from the start of the server. Whoever is told so once takes one. */
  isDue(transactionCount: number): boolean {
    if (transactionCount < this.dueAtCount) return false;
    this.dueAtCount = this.nextDue(transactionCount);
    return true;
  }

  private nextDue(count: number): number {
    const half = Math.floor(this.transactionsMax / 2);
    return count + half + randomBelow(this.random, Math.max(1, half));
  }
}

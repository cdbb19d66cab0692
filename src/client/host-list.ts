import { type RandomSource, randomBelow, randomFraction } from "../base/random.js";
import type { HostAddress } from "./connection-string.js";

/** In which order servers are tried: `shuffled` spreads clients over them, `given` starts with the first. */
export type HostOrder = "shuffled" | "given";

export interface BackoffOptions {
  readonly minMs: number;
  readonly maxMs: number;
}

/**
 * Which server to try next and how long to wait before. Every server is tried once without a wait; after a full round
 * without success the wait doubles with each round, jittered so that clients of a failed server do not return at once.
 */
export class HostList {
  private readonly hosts: readonly HostAddress[];
  private readonly backoff: BackoffOptions;
  private readonly random: RandomSource;
  private next = 0;
  private failures = 0;

  constructor(hosts: readonly HostAddress[], order: HostOrder, backoff: BackoffOptions, random: RandomSource) {
    this.hosts = order === "given" ? hosts : shuffled(hosts, random);
    this.backoff = backoff;
    this.random = random;
  }

  get length(): number {
    return this.hosts.length;
  }

  take(): HostAddress {
    const host = this.hosts[this.next] as HostAddress;
    this.next = (this.next + 1) % this.hosts.length;
    return host;
  }

  /** How often every server has been tried in vain since the last success. */
  get failedRounds(): number {
    return Math.floor(this.failures / this.hosts.length);
  }

  succeeded(): void {
    this.failures = 0;
  }

  /** Counts a failed attempt or a lost connection and returns the wait before the next attempt, in milliseconds. */
  failed(): number {
    this.failures++;
    const rounds = this.failedRounds;
    if (rounds === 0) return 0;
    const ceilingMs = Math.min(this.backoff.maxMs, this.backoff.minMs * 2 ** Math.min(rounds - 1, 30));
    return ceilingMs * (0.5 + randomFraction(this.random) / 2);
  }
}

function shuffled(hosts: readonly HostAddress[], random: RandomSource): HostAddress[] {
  const mixed = [...hosts];
  for (let last = mixed.length - 1; last > 0; last--) {
    const other = randomBelow(random, last + 1);
    [mixed[last], mixed[other]] = [mixed[other] as HostAddress, mixed[last] as HostAddress];
  }
  return mixed;
}

import type { SharedRegion } from "../../../workers/load-shared.js";
import { SharedLong } from "../longs.js";

const LEADERS = 0;
const TERM = 1;
const ENDED_AT = 2;
const ELECTIONS = 3;
const RING = 4;
/** So many elections back, who is told late is still told apart. */
const ELECTIONS_KEPT = 256;
/** Longs of one election. */
const ELECTION_TERM = 0;
const ELECTION_ENDED_AT = 1;
const ELECTION_KNOWN = 2;
const ELECTION_LAST_HEARD_AT = 3;
const ELECTION_LONGS = 4;
export const ELECTION_WORDS = (RING + ELECTIONS_KEPT * ELECTION_LONGS) * 2;

export interface Election {
  readonly term: number;
  /** When the term before ended; 0 before the first. */
  readonly endedMicros: number;
  /** How many candidates know of it. */
  readonly known: SharedLong;
  /** When the last of those came to know of it. */
  readonly lastHeardAt: SharedLong;
}

/** What candidates know together. Whoever leads writes the elections. */
export class ElectionWords {
  /** How many take themselves for the leader. */
  readonly leaders: SharedLong;
  /** The latest term. */
  readonly term: SharedLong;
  /** When the latest term ended; 0 while it lasts. */
  readonly endedAt: SharedLong;
  private readonly region: SharedRegion;
  private readonly count: SharedLong;

  constructor(region: SharedRegion) {
    this.region = region;
    this.leaders = new SharedLong(region, LEADERS);
    this.term = new SharedLong(region, TERM);
    this.endedAt = new SharedLong(region, ENDED_AT);
    this.count = new SharedLong(region, ELECTIONS);
  }

  /** How many elections there have been. */
  get elections(): number {
    return this.count.value;
  }

  /** Counted only when it can be read. */
  publish(term: number, endedMicros: number): void {
    const election = this.count.value;
    this.long(election, ELECTION_TERM).exchange(term);
    this.long(election, ELECTION_ENDED_AT).exchange(endedMicros);
    this.long(election, ELECTION_KNOWN).exchange(0);
    this.long(election, ELECTION_LAST_HEARD_AT).exchange(0);
    this.count.exchange(election + 1);
  }

  /** Of number `election`, from 0. */
  election(election: number): Election {
    return {
      term: this.long(election, ELECTION_TERM).value,
      endedMicros: this.long(election, ELECTION_ENDED_AT).value,
      known: this.long(election, ELECTION_KNOWN),
      lastHeardAt: this.long(election, ELECTION_LAST_HEARD_AT),
    };
  }

  private long(election: number, field: number): SharedLong {
    return new SharedLong(this.region, RING + (election % ELECTIONS_KEPT) * ELECTION_LONGS + field);
  }
}

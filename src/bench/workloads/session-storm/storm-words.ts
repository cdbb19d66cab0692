import type { SharedRegion } from "../../../workers/load-shared.js";
import { SharedLong } from "../longs.js";
import { PHASE_WORDS, PhaseWords } from "../phase-words.js";

/** It is not known what is left of the session of a wave: a step of it failed, or it was over early. */
export const UNCERTAIN = 0;
/** The service has answered that it closed the session. */
export const CLOSED = -1;

/** 32-bit words of `StormWords`. */
export function stormWords(connections: number): number {
  return PHASE_WORDS + connections * 2;
}

/** What the observer and the sessions of a storm know together. */
export class StormWords {
  readonly phases: PhaseWords;
  private readonly region: SharedRegion;

  constructor(region: SharedRegion) {
    this.region = region;
    this.phases = new PhaseWords(region);
  }

  /** When the connection last sent a request over the session that it abandoned in this wave; or what became of it. */
  lastHeard(connection: number): SharedLong {
    return new SharedLong(this.region, PHASE_WORDS / 2 + connection);
  }
}

/** The phases of wave number `wave`, from 1. */
export function phasesOf(wave: number): { readonly connect: number; readonly resume: number; readonly part: number } {
  return { connect: wave * 3 - 2, resume: wave * 3 - 1, part: wave * 3 };
}

/** What the session of a connection holds in a wave. */
export function heldName(connection: number, wave: number): string {
  return `${connection}-${wave}`;
}

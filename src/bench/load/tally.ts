import type { CheckTally } from "./load.js";

/** Counts one in-flight check. The first violation, and the first of what could not be judged, are kept in words. */
export class Tally {
  readonly name: string;
  observations = 0;
  violations = 0;
  private unjudgedCount = 0;
  private detail = "";
  private unjudgedDetail = "";

  constructor(name: string) {
    this.name = name;
  }

  /** The target said or did what it must not. */
  violated(detail: string): void {
    this.violations++;
    if (this.detail === "") this.detail = detail;
  }

  /** Something that had to be judged could not be: it was not seen in time, which may be slowness and no more. */
  unjudged(detail: string): void {
    this.unjudgedCount++;
    if (this.unjudgedDetail === "") this.unjudgedDetail = detail;
  }

  report(): CheckTally {
    return {
      name: this.name,
      observations: this.observations,
      violations: this.violations,
      unjudged: this.unjudgedCount,
      detail: this.violations > 0 ? this.detail : this.unjudgedDetail,
    };
  }
}

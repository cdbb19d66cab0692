import type { CheckTally } from "./load.js";

/** Counts one in-flight check. The first violation is kept in words. */
export class Tally {
  readonly name: string;
  observations = 0;
  violations = 0;
  private detail = "";

  constructor(name: string) {
    this.name = name;
  }

  violated(detail: string): void {
    this.violations++;
    if (this.detail === "") this.detail = detail;
  }

  report(): CheckTally {
    return { name: this.name, observations: this.observations, violations: this.violations, detail: this.detail };
  }
}

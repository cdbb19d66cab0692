import type { Stage } from "../actor.js";

/** The check `fencing-tokens`, which is made where the target's locks have such tokens. */
export class Fencing {
  private readonly stage: Stage;

  constructor(stage: Stage) {
    this.stage = stage;
  }

  /** `fault` says what is wrong with the token of a grant, if anything. */
  judge(fault: string | undefined): void {
    const tally = this.stage.tally("fencing-tokens");
    tally.observations++;
    if (fault !== undefined) tally.violated(`connection ${this.stage.index} was granted ${fault}`);
  }
}

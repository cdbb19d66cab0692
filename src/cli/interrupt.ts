import { constants } from "node:os";
import { EXIT } from "../base/user-error.js";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/**
 * The first Ctrl-C aborts `signal`, so that a command can end in order and keep what it has; the second ends the process
 * at once, whose exit handlers still end the servers it started. Call `release` when the command is done.
 */
export class Interrupt {
  readonly signal: AbortSignal;
  private readonly controller = new AbortController();

  constructor(onFirst: () => void) {
    this.signal = this.controller.signal;
    this.handle = (name) => {
      if (this.controller.signal.aborted)
        process.exit(name === "SIGINT" ? EXIT.interrupted : 128 + constants.signals[name]);
      this.controller.abort();
      onFirst();
    };
    for (const name of SIGNALS) process.on(name, this.handle);
  }

  release(): void {
    for (const name of SIGNALS) process.off(name, this.handle);
  }

  private readonly handle: (name: (typeof SIGNALS)[number]) => void;
}

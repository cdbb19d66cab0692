import { Command } from "commander";
import { formatMicros } from "../base/units.js";
import { EXIT } from "../base/user-error.js";
import { SELF_TEST_CASES, type SelfTestOutcome, selfTest } from "../bench/self-test.js";
import { Interrupt } from "./interrupt.js";
import { createOutput } from "./output.js";
import { formatCount } from "./table.js";

export function selfTestCommand(): Command {
  return new Command("self-test")
    .description("measure the load generator itself against a server that stores nothing; exits 5 if it is too slow")
    .option("--json", "print the figures as JSON on standard output, and all else on standard error", false)
    .addHelpText(
      "after",
      `
Examples:
  zabench self-test
  zabench self-test --json

What one load worker reaches here is the ceiling of every figure measured on this machine.`,
    )
    .action(async (options: { readonly json: boolean }) => {
      const output = createOutput(options.json);
      const interrupt = new Interrupt(() => output.line("interrupted"));
      const show = (outcome: SelfTestOutcome): void => {
        const verdict = outcome.passed ? output.style("green", "enough") : output.style("red", "too slow");
        const latency =
          outcome.p50 === null || outcome.p99 === null
            ? ""
            : `, p50 ${formatMicros(outcome.p50)}, p99 ${formatMicros(outcome.p99)}`;
        output.line(
          `${outcome.connections} connections x ${outcome.depth}: ${formatCount(outcome.opsPerSecond)} requests/s${latency}, at least ${formatCount(outcome.opsPerSecondMin)} needed: ${verdict}`,
        );
      };
      const outcomes = await selfTest(show, interrupt.signal);
      interrupt.release();
      if (options.json) process.stdout.write(`${JSON.stringify(outcomes, undefined, 2)}\n`);
      if (interrupt.signal.aborted) process.exitCode = EXIT.interrupted;
      else if (outcomes.length < SELF_TEST_CASES.length || outcomes.some((outcome) => !outcome.passed)) {
        process.exitCode = EXIT.insufficient;
      }
    });
}

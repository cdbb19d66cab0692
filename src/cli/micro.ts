import { setImmediate } from "node:timers/promises";
import { Command } from "commander";
import { Bench } from "tinybench";
import { parseWholeOption } from "../base/units.js";
import { EXIT } from "../base/user-error.js";
import { addCodecTasks, CODEC_OPERATIONS_PER_RUN } from "../bench/micro/codec.js";
import { addStoreTasks, STORE_OPERATIONS_PER_RUN } from "../bench/micro/store.js";
import { Interrupt } from "./interrupt.js";
import { createOutput } from "./output.js";
import { alignColumns } from "./table.js";

const SUITES = [
  { name: "codec", add: addCodecTasks, operationsPerRun: CODEC_OPERATIONS_PER_RUN },
  { name: "store", add: addStoreTasks, operationsPerRun: STORE_OPERATIONS_PER_RUN },
] as const;

const TIME_MS_MAX = 600_000;

interface MicroFigure {
  readonly suite: string;
  readonly task: string;
  readonly nanosMedian: number;
  readonly nanosP99: number;
  readonly samples: number;
}

/**
 * Runs the microbenchmarks, each for `timeMs` after a fifth of that to warm up; `onTask` is told of each before it begins.
 * An aborted `signal` ends them between two tasks; what was measured by then is returned.
 */
async function runMicro(
  timeMs: number,
  signal: AbortSignal,
  onTask: (suite: string, task: string) => void,
): Promise<MicroFigure[]> {
  const figures: MicroFigure[] = [];
  for (const { name, add, operationsPerRun } of SUITES) {
    if (signal.aborted) break;
    const bench = new Bench({ name, time: timeMs, warmupTime: timeMs / 5 });
    add(bench);
    for (const task of bench.tasks) {
      onTask(name, task.name);
      await task.warmup();
      await task.run();
      const { result } = task;
      if (result.state !== "completed") throw new Error(`${name}, ${task.name}: ended as ${result.state}`);
      const nanos = (millis: number): number => Math.round(((millis * 1e6) / operationsPerRun) * 10) / 10;
      const { p50, p99, samplesCount } = result.latency;
      figures.push({
        suite: name,
        task: task.name,
        nanosMedian: nanos(p50),
        nanosP99: nanos(p99),
        samples: samplesCount,
      });
      // A task never leaves the event loop; this is where a signal is heard of.
      await setImmediate();
      if (signal.aborted) break;
    }
  }
  return figures;
}

export function microCommand(): Command {
  return new Command("micro")
    .description("microbenchmarks of the wire codec and the znode store, in nanoseconds per operation")
    .option("--time <ms>", "time for each task", "500")
    .option("--json", "print the figures as JSON on standard output", false)
    .addHelpText("after", "\nExamples:\n  zabench micro\n  zabench micro --time 2000 --json")
    .action(async ({ time, json }: { readonly time: string; readonly json: boolean }) => {
      const output = createOutput(json);
      const timeMs = parseWholeOption("--time", time, TIME_MS_MAX);
      const interrupt = new Interrupt(() => output.line("interrupted; what was measured is kept"));
      output.line("measuring; a store of 100,000 znodes is filled first");
      const figures = await runMicro(timeMs, interrupt.signal, (suite, task) =>
        output.line(output.style("dim", `${suite}: ${task}`)),
      );
      interrupt.release();
      const rows = figures.map(({ suite, task, nanosMedian, nanosP99, samples }) => [
        suite,
        task,
        nanosMedian.toFixed(1),
        nanosP99.toFixed(1),
        String(samples),
      ]);
      for (const line of alignColumns([["suite", "operation", "ns median", "ns p99", "samples"], ...rows]))
        output.line(line);
      if (json) process.stdout.write(`${JSON.stringify(figures, undefined, 2)}\n`);
      if (interrupt.signal.aborted) process.exitCode = EXIT.interrupted;
    });
}

import { Command } from "commander";
import { Bench } from "tinybench";
import { addCodecTasks, CODEC_OPERATIONS_PER_RUN } from "../bench/micro/codec.js";
import { addStoreTasks, STORE_OPERATIONS_PER_RUN } from "../bench/micro/store.js";
import { createOutput } from "./output.js";
import { alignColumns } from "./table.js";

const SUITES = [
  { name: "codec", add: addCodecTasks, operationsPerRun: CODEC_OPERATIONS_PER_RUN },
  { name: "store", add: addStoreTasks, operationsPerRun: STORE_OPERATIONS_PER_RUN },
] as const;

export interface MicroFigure {
  readonly suite: string;
  readonly task: string;
  readonly nanosMedian: number;
  readonly nanosP99: number;
  readonly samples: number;
}

/** Runs the microbenchmarks; `onFigure` is told of each as its suite ends. */
export async function runMicro(timeMs: number, onFigure: (figure: MicroFigure) => void): Promise<MicroFigure[]> {
  const figures: MicroFigure[] = [];
  for (const { name, add, operationsPerRun } of SUITES) {
    const bench = new Bench({ name, time: timeMs, warmupTime: timeMs / 5 });
    add(bench);
    await bench.run();
    for (const task of bench.tasks) {
      const { result } = task;
      if (result.state !== "completed") throw new Error(`${name}, ${task.name}: ended as ${result.state}`);
      const nanos = (millis: number): number => Math.round(((millis * 1e6) / operationsPerRun) * 10) / 10;
      const { p50, p99, samplesCount } = result.latency;
      const figure = {
        suite: name,
        task: task.name,
        nanosMedian: nanos(p50),
        nanosP99: nanos(p99),
        samples: samplesCount,
      };
      figures.push(figure);
      onFigure(figure);
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
      output.line("measuring; a store of 100,000 znodes is filled first");
      const figures = await runMicro(Number(time), ({ suite, task }) => {
        if (output.live) output.line(output.style("dim", `${suite}: ${task}`));
      });
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
    });
}

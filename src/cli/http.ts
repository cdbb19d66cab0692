import { Command } from "commander";
import { formatMicros, parseWholeOption } from "../base/units.js";
import { EXIT } from "../base/user-error.js";
import { runHttpLoad } from "../bench/http/autocannon.js";
import { targetKind } from "../targets/kinds.js";
import { reserveLoopbackPorts } from "../targets/process/ports.js";
import type { Ensemble } from "../targets/target.js";
import { Interrupt } from "./interrupt.js";
import { createOutput } from "./output.js";
import { hostOfUrl, requireLoopback, withAllowRemote } from "./remote.js";
import { formatCount } from "./table.js";

const PROMETHEUS_PROVIDER = "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider";

interface HttpOptions {
  readonly connections: string;
  readonly duration: string;
  readonly json: boolean;
  readonly allowRemote: boolean;
}

/** A core that serves metrics on a port of its own. */
async function startCoreWithMetrics(signal: AbortSignal): Promise<{ readonly core: Ensemble; readonly url: string }> {
  const [reservation] = await reserveLoopbackPorts(1);
  const { port } = reservation!;
  await reservation!.release();
  const configuration = { "metricsProvider.className": PROMETHEUS_PROVIDER, "metricsProvider.httpPort": String(port) };
  const core = await targetKind("core").start({ servers: 1, configuration, signal });
  return { core, url: `http://127.0.0.1:${port}/metrics` };
}

export function httpCommand(): Command {
  return withAllowRemote(new Command("http"))
    .description("load an HTTP endpoint with autocannon: by default the metrics of a core that is started for it")
    .argument("[url]", "what to load instead; only ever a server of your own")
    .option("--connections <count>", "connections", "10")
    .option("--duration <seconds>", "seconds", "5")
    .option("--json", "print the figures as JSON on standard output", false)
    .addHelpText(
      "after",
      "\nExamples:\n  zabench http\n  zabench http http://127.0.0.1:7000/metrics --connections 50 --json",
    )
    .action(async (given: string | undefined, options: HttpOptions) => {
      const output = createOutput(options.json);
      const connections = parseWholeOption("--connections", options.connections, 99_999);
      const durationSeconds = parseWholeOption("--duration", options.duration, 99_999);
      if (given !== undefined) await requireLoopback([hostOfUrl(given)], options.allowRemote);
      const interrupt = new Interrupt(() => output.line("interrupted"));
      let core: Ensemble | undefined;
      try {
        let url = given;
        if (url === undefined) {
          output.line("core: starting a server with metrics");
          ({ core, url } = await startCoreWithMetrics(interrupt.signal));
        }
        output.line(`loading ${url} over ${connections} connections for ${durationSeconds} s`);
        const result = await runHttpLoad({ url, connections, durationSeconds });
        const { latency, requestsPerSecond, errors, non2xx } = result;
        const times = latency === null ? "" : `, p50 ${formatMicros(latency.p50)}, p99 ${formatMicros(latency.p99)}`;
        output.line(
          `${formatCount(requestsPerSecond)} requests/s${times}, ${errors} errors, ${non2xx} of another status`,
        );
        if (options.json)
          process.stdout.write(`${JSON.stringify({ url, connections, durationSeconds, ...result }, undefined, 2)}\n`);
        if (latency === null) process.exitCode = EXIT.insufficient;
        if (interrupt.signal.aborted) process.exitCode = EXIT.interrupted;
      } catch (error) {
        if (!interrupt.signal.aborted) throw error;
        process.exitCode = EXIT.interrupted;
      } finally {
        await core?.stop();
        interrupt.release();
      }
    });
}

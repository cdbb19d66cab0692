import { Command } from "commander";
import { formatMicros, parseWholeOption } from "../base/units.js";
import { EXIT, type ExitCode, USER_ERRORS, UserError } from "../base/user-error.js";
import type { OutageRecord, RunResult } from "../bench/result.js";
import { exitCodeOf } from "../bench/verdict.js";
import { loadScenario, scenarioNames } from "../chaos/scenario/load.js";
import { runScenario } from "../chaos/scenario/run-scenario.js";
import { type LoadedScenario, needsToxiproxy } from "../chaos/scenario/scenario.js";
import { prepareReportsRoot, reportFolder, writeReports } from "../report/files.js";
import { parseTargetReference } from "../targets/address.js";
import { TARGET_NAMES, type TargetName } from "../targets/target.js";
import { startToxiproxy, type ToxiproxyServer } from "../targets/toxiproxy.js";
import { shownPath } from "./comparison.js";
import { Interrupt } from "./interrupt.js";
import { createOutput, type Output } from "./output.js";
import { Participants } from "./participants.js";
import { hostOfUrl, hostsOf, requireLoopback, withAllowRemote } from "./remote.js";
import { summaryOf } from "./summary.js";
import { alignColumns, printResult } from "./table.js";

interface ScenarioOptions {
  readonly target: readonly string[];
  readonly ensemble?: string;
  readonly rounds?: string;
  readonly toxiproxy?: string;
  readonly out: string;
  readonly json: boolean;
  readonly keep: boolean;
  readonly allowRemote: boolean;
}

export function scenarioCommand(): Command {
  return withAllowRemote(new Command("scenario"))
    .description("do harm to targets while clients write, and report what the clients felt")
    .argument("<scenario>", `a name (${scenarioNames().join(", ")}), or the path of a YAML file`)
    .requiredOption("--target <target>", "core, zookeeper or etcd; repeatable", collect, [])
    .option("--ensemble <servers>", "servers of each target, over the scenario's own number")
    .option("--rounds <count>", "rounds, over the scenario's own number")
    .option("--toxiproxy <url>", "a Toxiproxy that runs already, for scenarios with toxics")
    .option("--out <folder>", "reports go to <folder>/<scenario>/<start time>/", "reports")
    .option("--keep", "keep the servers' folders, with their logs", false)
    .option("--json", "print a summary as JSON on standard output, and all else on standard error", false)
    .addHelpText(
      "after",
      `
Examples:
  zabench scenario leader-kill --target zookeeper --target etcd
  zabench scenario leader-kill --target etcd --ensemble 5 --rounds 1
  zabench scenario latency-link --target core --target zookeeper
  zabench scenario my-scenario.yaml --target zookeeper`,
    )
    .action(async (nameOrPath: string, options: ScenarioOptions) => {
      process.exitCode = await runAndReport(override(loadScenario(nameOrPath), options), options);
    });
}

function collect(value: string, all: readonly string[]): readonly string[] {
  return [...all, value];
}

function override(loaded: LoadedScenario, { ensemble, rounds }: ScenarioOptions): LoadedScenario {
  const servers = ensemble === undefined ? loaded.scenario.servers : parseWholeOption("--ensemble", ensemble, 9_999);
  const count = rounds === undefined ? loaded.scenario.rounds : parseWholeOption("--rounds", rounds, 9_999);
  const overrides = { ...(ensemble === undefined ? {} : { ensemble }), ...(rounds === undefined ? {} : { rounds }) };
  return { ...loaded, scenario: { ...loaded.scenario, servers, rounds: count }, overrides };
}

/** Scenarios write and look for what they have written: more than the locks that Redis is measured by. */
function requireFit(name: string, target: TargetName): void {
  if (target !== "redis") return;
  const targets = TARGET_NAMES.filter((each) => each !== target).join(", ");
  throw new UserError(USER_ERRORS.targetUnfit, { what: `scenario ${name}`, target, targets });
}

async function runAndReport(loaded: LoadedScenario, options: ScenarioOptions): Promise<ExitCode> {
  const output = createOutput(options.json);
  const references = options.target.map(parseTargetReference);
  // The load goes through a Toxiproxy.
  const proxyHosts = options.toxiproxy === undefined ? [] : [hostOfUrl(options.toxiproxy)];
  await requireLoopback([...hostsOf(references), ...proxyHosts], options.allowRemote);
  await prepareReportsRoot(options.out);
  const tell = (text: string): void => output.line(text);
  const interrupt = new Interrupt(() => tell("interrupted: ending in order, and keeping what was measured"));
  const { signal } = interrupt;
  const { scenario } = loaded;
  const participants = new Participants({ servers: scenario.servers, keep: options.keep, signal, tell });
  let toxiproxy: ToxiproxyServer | undefined;
  try {
    if (needsToxiproxy(scenario) && options.toxiproxy === undefined) toxiproxy = await startToxiproxy({ signal });
    for (const reference of references) {
      try {
        requireFit(scenario.name, reference.target);
        await participants.add(reference);
      } catch (error) {
        if (signal.aborted) return EXIT.interrupted;
        // One target that cannot take part is no reason to leave out the others.
        if (!(error instanceof UserError) || options.target.length === 1) throw error;
        tell(`left out: ${error.message}`);
      }
    }
    const toxiproxyUrl = needsToxiproxy(scenario) ? (options.toxiproxy ?? toxiproxy?.url) : undefined;
    const result = await runScenario({ scenario: loaded, participants: participants.all, toxiproxyUrl, signal, tell });
    printResult(result, output);
    printOutages(result, output);
    const { html } = await writeReports(result, reportFolder(options.out, result));
    output.line(`report: ${shownPath(html)}`);
    const exitCode = exitCodeOf(result);
    if (options.json) process.stdout.write(`${JSON.stringify(summaryOf(result, exitCode, html), undefined, 2)}\n`);
    return exitCode;
  } finally {
    await participants.stop();
    await toxiproxy?.stop();
    interrupt.release();
  }
}

const COLUMNS = [
  "target",
  "round",
  "fault",
  "outage",
  "client p50",
  "client max",
  "recovery",
  "sessions lost",
  "p50 before",
  "during",
  "after",
];

function printOutages(result: RunResult, output: Output): void {
  const rows = result.targets.flatMap(({ label, outages }) => outages.map((outage) => [label, ...outageRow(outage)]));
  if (rows.length === 0) return;
  for (const line of alignColumns([COLUMNS, ...rows])) output.line(line);
}

function outageRow({
  round,
  fault,
  overallMicros,
  perClient,
  recoveryMicros,
  sessionsLost,
  phases,
}: OutageRecord): string[] {
  const micros = (value: number | null | undefined): string => (value == null ? "never" : formatMicros(value));
  const medians = phases.map(({ latency }) => (latency === null ? "-" : formatMicros(latency.p50)));
  const clients = [micros(perClient?.p50), micros(perClient?.max)];
  return [
    String(round + 1),
    fault,
    micros(overallMicros),
    ...clients,
    micros(recoveryMicros),
    String(sessionsLost),
    ...medians,
  ];
}

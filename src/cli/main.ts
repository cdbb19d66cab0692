#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { EXIT, UserError } from "../base/user-error.js";
import { zabenchVersion } from "../server/version.js";
import { helpRequested } from "./help.js";

/** In the order of the help; each is imported when it is wanted, as all of them together take a second. */
const COMMANDS: Readonly<Record<string, () => Promise<() => Command>>> = {
  quickstart: async () => (await import("./quickstart.js")).quickstartCommand,
  list: async () => (await import("./list.js")).listCommand,
  show: async () => (await import("./show.js")).showCommand,
  run: async () => (await import("./run.js")).runCommand,
  compare: async () => (await import("./compare.js")).compareCommand,
  sweep: async () => (await import("./sweep.js")).sweepCommand,
  scenario: async () => (await import("./scenario.js")).scenarioCommand,
  simulate: async () => (await import("./simulate.js")).simulateCommand,
  gate: async () => (await import("./gate.js")).gateCommand,
  report: async () => (await import("./report.js")).reportCommand,
  targets: async () => (await import("./targets.js")).targetsCommand,
  serve: async () => (await import("./serve.js")).serveCommand,
  "self-test": async () => (await import("./self-test.js")).selfTestCommand,
  micro: async () => (await import("./micro.js")).microCommand,
  http: async () => (await import("./http.js")).httpCommand,
};

const EXAMPLES = `
Examples:
  zabench quickstart
  zabench list
  zabench run read-heavy --target core --target zookeeper
  zabench compare write-heavy --target core --target etcd
  zabench sweep read-heavy --slo 'p(99)<10ms'
  zabench serve zoo.cfg

Exit codes: 0 passed, 1 internal failure, 2 usage or invalid profile, 3 threshold or regression, 4 inconsistent history,
5 unknown or insufficient data, 130 interrupted (partial results are kept).`;

/** The one that `given` begins with, or all: for the help, and to tell what there is. */
async function commandsFor(given: readonly string[]): Promise<Command[]> {
  const wanted = Object.entries(COMMANDS).filter(([name]) => name === given[0]);
  const imports = (wanted.length > 0 ? wanted : Object.entries(COMMANDS)).map(([, load]) => load());
  return (await Promise.all(imports)).map((create) => create());
}

async function createProgram(given: readonly string[]): Promise<Command> {
  const program = new Command("zabench")
    .description("benchmark and chaos harness for coordination services, with a ZooKeeper-compatible core of its own")
    .version(zabenchVersion)
    .addHelpText("after", EXAMPLES);
  for (const command of await commandsFor(given)) program.addCommand(command);
  for (const command of [program, ...descendants(program)]) {
    command.exitOverride().showHelpAfterError("(--help lists what there is)");
  }
  return program;
}

function descendants(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...descendants(child)]);
}

// A reader that has seen enough, such as `head`, is no reason for a stack trace.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(process.exitCode ?? EXIT.ok);
  throw error;
});

try {
  const given = process.argv.slice(2);
  const program = await createProgram(given);
  const helped = helpRequested(program, given);
  if (helped === undefined) await program.parseAsync(process.argv);
  else helped.outputHelp();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  } else if (error instanceof UserError) {
    process.stderr.write(`zabench: ${error.message}\n`);
    process.exitCode = error.kind.exitCode;
  } else {
    process.stderr.write(`zabench: internal error, please report it\n${(error as Error).stack ?? String(error)}\n`);
    process.exitCode = EXIT.internal;
  }
}

#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { EXIT, UserError } from "../base/user-error.js";
import { zabenchVersion } from "../server/version.js";
import { compareCommand } from "./compare.js";
import { gateCommand } from "./gate.js";
import { httpCommand } from "./http.js";
import { listCommand } from "./list.js";
import { microCommand } from "./micro.js";
import { quickstartCommand } from "./quickstart.js";
import { reportCommand } from "./report.js";
import { runCommand } from "./run.js";
import { scenarioCommand } from "./scenario.js";
import { selfTestCommand } from "./self-test.js";
import { serveCommand } from "./serve.js";
import { showCommand } from "./show.js";
import { simulateCommand } from "./simulate.js";
import { sweepCommand } from "./sweep.js";
import { targetsCommand } from "./targets.js";

const COMMANDS = [
  quickstartCommand,
  listCommand,
  showCommand,
  runCommand,
  compareCommand,
  sweepCommand,
  scenarioCommand,
  simulateCommand,
  gateCommand,
  reportCommand,
  targetsCommand,
  serveCommand,
  selfTestCommand,
  microCommand,
  httpCommand,
] as const;

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

function createProgram(): Command {
  const program = new Command("zabench")
    .description("benchmark and chaos harness for coordination services, with a ZooKeeper-compatible core of its own")
    .version(zabenchVersion)
    .addHelpText("after", EXAMPLES);
  for (const create of COMMANDS) program.addCommand(create());
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
  await createProgram().parseAsync(process.argv);
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

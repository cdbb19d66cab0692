#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { EXIT, UserError } from "../base/user-error.js";
<<<<<<< HEAD
import { zabenchVersion } from "../bench/environment.js";
import { quickstartCommand } from "./quickstart.js";
import { runCommand } from "./run.js";
import { selfTestCommand } from "./self-test.js";
import { targetsCommand } from "./targets.js";

const COMMANDS = [runCommand, quickstartCommand, selfTestCommand, targetsCommand] as const;

function createProgram(): Command {
  const program = new Command("zabench")
    .description("benchmark and chaos harness for coordination services: its own core, Apache ZooKeeper and etcd")
    .version(zabenchVersion())
    .showHelpAfterError("(add --help for what there is)")
    .addHelpText(
      "after",
      `
Examples:
  zabench quickstart
  zabench run read-heavy --target core --target zookeeper
  zabench targets`,
    );
  for (const create of COMMANDS) program.addCommand(create());
  for (const command of [program, ...allCommands(program)]) command.exitOverride();
  return program;
}

function allCommands(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...allCommands(child)]);
}

// A reader that has seen enough, such as `head`, is no reason for a stack trace.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(process.exitCode ?? EXIT.ok);
  throw error;
});

try {
  await createProgram().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has said what was wrong; help and the version end with 0.
=======
import { zabenchVersion } from "../server/version.js";
import { serveCommand } from "./serve.js";
import { targetsCommand } from "./targets.js";

const EXAMPLES = `
Exit codes: 0 passed, 1 internal failure, 2 usage or invalid profile, 3 threshold or regression, 4 inconsistent history,
5 unknown or insufficient data, 130 interrupted (partial results are kept).`;

function program(): Command {
  const root = new Command("zabench")
    .description("benchmark and chaos harness for coordination services, with a ZooKeeper-compatible core of its own")
    .version(zabenchVersion)
    .addHelpText("after", EXAMPLES)
    .showHelpAfterError("(zabench --help lists what there is)");
  for (const command of [serveCommand(), targetsCommand()]) {
    root.addCommand(command.exitOverride());
  }
  return root.exitOverride();
}

try {
  await program().parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) {
>>>>>>> main
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  } else if (error instanceof UserError) {
    process.stderr.write(`zabench: ${error.message}\n`);
    process.exitCode = error.kind.exitCode;
  } else {
<<<<<<< HEAD
    process.stderr.write(`zabench: internal error\n${error instanceof Error ? error.stack : String(error)}\n`);
=======
    process.stderr.write(`zabench: internal error, please report it\n${(error as Error).stack ?? String(error)}\n`);
>>>>>>> main
    process.exitCode = EXIT.internal;
  }
}

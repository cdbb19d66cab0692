#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { EXIT, UserError } from "../base/user-error.js";
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
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  } else if (error instanceof UserError) {
    process.stderr.write(`zabench: ${error.message}\n`);
    process.exitCode = error.kind.exitCode;
  } else {
    process.stderr.write(`zabench: internal error\n${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = EXIT.internal;
  }
}

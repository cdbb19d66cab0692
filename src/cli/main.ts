#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { EXIT, UserError } from "../base/user-error.js";
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
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  } else if (error instanceof UserError) {
    process.stderr.write(`zabench: ${error.message}\n`);
    process.exitCode = error.kind.exitCode;
  } else {
    process.stderr.write(`zabench: internal error, please report it\n${(error as Error).stack ?? String(error)}\n`);
    process.exitCode = EXIT.internal;
  }
}

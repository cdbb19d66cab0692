import { Command } from "commander";
import { EXIT } from "../base/user-error.js";
import { CONFIGURATION_HELP } from "../server/configuration/help.js";
import { readServerConfiguration } from "../server/configuration/zoo-cfg.js";
import { createLogger } from "../server/log.js";
import { type RunningServer, startServer } from "../server/server.js";

const EXAMPLES = `
Examples:
  zabench serve zoo.cfg                 runs the server of this configuration until Ctrl-C
  zabench serve zoo.cfg --log-level warn

${CONFIGURATION_HELP}`;

async function serve(file: string, { logLevel }: { logLevel: string }): Promise<void> {
  const configuration = readServerConfiguration(file);
  const log = createLogger(logLevel);
  for (const warning of configuration.warnings) log.warn(warning);
  let ready = (_server: RunningServer): void => {};
  const started = new Promise<RunningServer>((resolve) => {
    ready = resolve;
  });
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, "stopping");
    started
      .then((server) => server.close())
      .then(
        () => process.exit(EXIT.ok),
        (error: unknown) => {
          log.fatal({ error: String(error) }, "could not stop cleanly");
          process.exit(EXIT.internal);
        },
      );
  };
  // From before the start: a signal that comes during recovery, or right after "serving", stops as cleanly as a later one.
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  ready(
    await startServer(configuration, log, (error) => {
      log.fatal({ error: error.message }, "the server stops, since it can no longer keep what it acknowledges");
      process.exit(EXIT.internal);
    }),
  );
}

export function serveCommand(): Command {
  return new Command("serve")
    .description("run the coordination service core from a zoo.cfg, on Apache ZooKeeper's protocol and files")
    .argument("<zoo.cfg>", "configuration, in the format of Apache ZooKeeper")
    .option("--log-level <level>", "debug, info, warn or error", "info")
    .addHelpText("after", EXAMPLES)
    .action(serve);
}

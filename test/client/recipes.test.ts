import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { parseServerConfiguration } from "../../src/server/configuration/zoo-cfg.js";
import { startServer } from "../../src/server/server.js";
import { describeRecipes } from "../support/recipe-suite.js";

describeRecipes({
  title: "the core",
  remedy: "it is part of zabench",
  start: async () => {
    const folder = mkdtempSync(join(tmpdir(), "zabench-test-"));
    const text = `dataDir=${folder}\nclientPort=0\nclientPortAddress=127.0.0.1\ntickTime=200\npreAllocSize=64\nforceSync=no\n`;
    const server = await startServer(parseServerConfiguration("/zoo.cfg", text), pino({ level: "silent" }), (error) => {
      throw error;
    });
    return {
      port: server.clientPort,
      stop: async () => {
        await server.close();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  },
});

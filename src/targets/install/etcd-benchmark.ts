import { existsSync } from "node:fs";
import { join } from "node:path";
import { cachedVersions, type Places } from "../places.js";
import { type GoProgram, installGoProgram } from "./go.js";
import type { Tool } from "./tool.js";

const PROGRAM: GoProgram = {
  tool: "etcd-benchmark",
  module: "go.etcd.io/etcd/v3",
  package: "go.etcd.io/etcd/v3/tools/benchmark",
  program: "benchmark",
  knownGoodVersion: "v3.5.9",
  trial: ["--help"],
};

export interface EtcdBenchmark {
  readonly version: string;
  readonly origin: string;
  readonly file: string;
}

/** etcd's own load tool, the newest copy first. Its name says too little to look for it on the PATH. */
export function findEtcdBenchmark(places: Places): EtcdBenchmark[] {
  return cachedVersions(PROGRAM.tool, places)
    .map(({ version, folder }) => ({
      version,
      origin: "Go module, in the zabench cache",
      file: join(folder, PROGRAM.program),
    }))
    .filter(({ file }) => existsSync(file));
}

export const etcdBenchmarkTool: Tool = {
  name: "etcd-benchmark",
  title: "etcd's own load tool",
  find: async (places) => findEtcdBenchmark(places),
  isSatisfied: async ({ places }) => findEtcdBenchmark(places).length > 0,
  install: (context) => installGoProgram(context, PROGRAM),
  remedy: "run 'zabench targets install etcd-benchmark' with Go installed, or as root on Debian",
};

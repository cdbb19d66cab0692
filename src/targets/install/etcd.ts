import { UserError } from "../../base/user-error.js";
import { findEtcd } from "../etcd/find.js";
import { aptInstall, aptObstacle } from "./apt.js";
import { type GoProgram, installGoProgram } from "./go.js";
import type { Tool } from "./tool.js";

const PROGRAM: GoProgram = {
  tool: "etcd",
  module: "go.etcd.io/etcd/server/v3",
  package: "go.etcd.io/etcd/server/v3",
  program: "etcd",
  knownGoodVersion: "v3.5.9",
  trial: ["--version"],
};

export const etcdTool: Tool = {
  name: "etcd",
  title: "etcd",
  find: (places) => findEtcd(places),
  isSatisfied: async ({ places }) => (await findEtcd(places)).some((copy) => copy.cached),
  install: async (context) => {
    try {
      await installGoProgram(context, PROGRAM);
    } catch (error) {
      if (aptObstacle(context) !== undefined || !(error instanceof UserError)) throw error;
      context.report(`Go did not give it (${error.message}); taking Debian's package`);
      await aptInstall(context, ["etcd-server"]);
    }
  },
  remedy: "run 'zabench targets install etcd' with Go installed, or as root on Debian",
};

import { USER_ERRORS, UserError } from "../../base/user-error.js";
import { etcdTool } from "./etcd.js";
import { etcdBenchmarkTool } from "./etcd-benchmark.js";
import { redisTool } from "./redis.js";
import type { Tool } from "./tool.js";
import { toxiproxyTool } from "./toxiproxy.js";
import { zookeeperTool } from "./zookeeper.js";

/** In the order of how long they take, the shortest first. */
export const TOOLS: readonly Tool[] = [redisTool, zookeeperTool, toxiproxyTool, etcdTool, etcdBenchmarkTool];

/** All of them where no name is given. Throws UserError `unknownTool`. */
export function chooseTools(names: readonly string[]): readonly Tool[] {
  if (names.length === 0) return TOOLS;
  return names.map((name) => {
    const tool = TOOLS.find((candidate) => candidate.name === name);
    if (tool === undefined) {
      const known = TOOLS.map((candidate) => candidate.name).join(", ");
      throw new UserError(USER_ERRORS.unknownTool, { value: name, known });
    }
    return tool;
  });
}

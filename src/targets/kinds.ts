import { core } from "./core/kind.js";
import type { TargetKind, TargetName } from "./target.js";
import { zookeeper } from "./zookeeper/kind.js";

export const TARGET_KINDS = { core, zookeeper } as const;

export function targetKind(name: TargetName): TargetKind {
  return TARGET_KINDS[name as "core"];
}

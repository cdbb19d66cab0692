import { core } from "./core/kind.js";
import { etcd } from "./etcd/kind.js";
import { redis } from "./redis/kind.js";
import type { TargetKind, TargetName } from "./target.js";
import { zookeeper } from "./zookeeper/kind.js";

export const TARGET_KINDS: Readonly<Record<TargetName, TargetKind>> = { core, zookeeper, etcd, redis };

export function targetKind(name: TargetName): TargetKind {
  return TARGET_KINDS[name];
}

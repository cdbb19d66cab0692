import type { TargetDriver } from "../targets/driver.js";
import { createEtcdDriver } from "../targets/etcd/driver.js";
import { createRedisDriver } from "../targets/redis/driver.js";
import type { Address, TargetName } from "../targets/target.js";
import { ZooKeeperDriver } from "../targets/zookeeper/driver.js";
import type { DriverSource } from "./load/driver-source.js";

/** Which driver drives which target. */
export async function openDriver(target: TargetName, members: readonly Address[]): Promise<TargetDriver> {
  switch (target) {
    case "core":
    case "zookeeper":
      return new ZooKeeperDriver(target, members);
    case "etcd":
      return await createEtcdDriver(members);
    case "redis":
      return await createRedisDriver(members);
  }
}

export function driverSource(target: TargetName, members: readonly Address[]): DriverSource {
  return { module: import.meta.url, factory: "openDriver", parameters: [target, members] };
}

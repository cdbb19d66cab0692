import { availableParallelism, cpus, platform, release, totalmem } from "node:os";
import type { EnvironmentRecord } from "./result.js";

export function describeEnvironment(): EnvironmentRecord {
  return {
    node: process.version,
    platform: `${platform()} ${process.arch}`,
    kernel: release(),
    cpuModel: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memoryBytes: totalmem(),
  };
}

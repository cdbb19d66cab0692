import type { TargetDriver } from "../../targets/driver.js";

/** How a load worker gets its driver: data, because it crosses threads. */
export interface DriverSource {
  /** URL of a module. */
  readonly module: string;
  /** The function it exports that makes the driver, or a promise of it. */
  readonly factory: string;
  /** What the function is called with; it must survive a structured clone. */
  readonly parameters: readonly unknown[];
}

export async function createDriver(source: DriverSource): Promise<TargetDriver> {
  const module = (await import(source.module)) as Record<
    string,
    (...parameters: unknown[]) => TargetDriver | Promise<TargetDriver>
  >;
  const factory = module[source.factory];
  if (factory === undefined) throw new Error(`${source.module} exports no ${source.factory}`);
  return await factory(...source.parameters);
}

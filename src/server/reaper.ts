import type { ZnodeStore } from "../core/tree/store.js";
import type { ServerConfiguration } from "./configuration/zoo-cfg.js";

const CHECK_INTERVAL_MS = 60_000;
const REAPED_PER_CHECK_MAX = 10_000;

/**
 * Finds containers that had children and have none now, and TTL znodes whose time is over, once a minute (upstream:
 * ContainerManager). What it names is checked again when its removal is prepared.
 */
export class Reaper {
  private readonly timer: NodeJS.Timeout;

  constructor(store: () => ZnodeStore, configuration: ServerConfiguration, reap: (paths: readonly string[]) => void) {
    const { extendedTypesEnabled } = configuration;
    this.timer = setInterval(() => {
      const paths = candidates(store(), Date.now(), extendedTypesEnabled);
      if (paths.length > 0) reap(paths);
    }, CHECK_INTERVAL_MS);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }
}

export function candidates(store: ZnodeStore, nowMs: number, extendedTypesEnabled: boolean): readonly string[] {
  const paths: string[] = [];
  for (const path of store.containersAndTtls()) {
    if (paths.length === REAPED_PER_CHECK_MAX) break;
    const node = store.findPath(path);
    if (node === 0 || store.numChildren(node) > 0) continue;
    const kind = store.ownerKind(node);
    if (kind === "container" && store.persistedCversion(node) > 0) paths.push(path);
    if (kind === "ttl" && extendedTypesEnabled && nowMs - store.mtimeMs(node) > store.ttlMs(node)) paths.push(path);
  }
  return paths;
}

import { placesHere } from "../../src/targets/places.js";
import { startEnsemble } from "../../src/targets/process/managed-ensemble.js";
import { findZookeeper, type ZookeeperInstallation } from "../../src/targets/zookeeper/find.js";
import { planZookeeper, zookeeper } from "../../src/targets/zookeeper/kind.js";

// A standalone Apache ZooKeeper for tests of the client and for the recorder of wire transcripts.

export const REMEDY = zookeeper.remedy;

/** Every version found here, the preferred one first. */
export function zooKeepersHere(): ZookeeperInstallation[] {
  return findZookeeper(placesHere());
}

/** What is there, or undefined once where nothing is, so that tests are skipped where they can be seen. */
export function oneOrNone<T>(found: readonly T[]): readonly (T | undefined)[] {
  return found.length === 0 ? [undefined] : found;
}

export interface TestZooKeeper {
  readonly port: number;
  readonly address: string;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>;
  /** Starts it again on the same data and port, and waits until it serves. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** With containers and TTLs, and a short tick, so that sessions may be as short as two of them, and as long as 40 s. */
export async function startZooKeeper(installation: ZookeeperInstallation, tickTimeMs = 500): Promise<TestZooKeeper> {
  const configuration = {
    tickTime: String(tickTimeMs),
    extendedTypesEnabled: "true",
    preAllocSize: "1024",
    maxSessionTimeout: "40000",
  };
  const options = { servers: 1, configuration };
  const ensemble = await startEnsemble(planZookeeper(installation, options), options);
  const member = ensemble.members[0]!;
  return {
    port: member.client.port,
    address: `${member.client.host}:${member.client.port}`,
    kill: () => member.kill(),
    restart: () => member.restart(),
    stop: () => ensemble.stop(),
  };
}

import { parentPort, workerData } from "node:worker_threads";
import { createEtcdDriver } from "../../src/targets/etcd/driver.js";
import type { Address } from "../../src/targets/target.js";

// Takes a lock, says so, and keeps it until its thread is ended: a holder that dies without a word to the server.

const { members, root } = workerData as { members: readonly Address[]; root: string };
const driver = await createEtcdDriver(members);
const session = await driver.openSession("lock", { members, index: 0, root, sessionTimeoutMs: 1_000 });
parentPort?.postMessage(await session.acquire(0));

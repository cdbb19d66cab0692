import { workerData } from "node:worker_threads";
import { makeZxid } from "../../src/base/zxid.js";
import { ZxidCounters } from "../../src/workers/zxid-counters.js";

// Changes epochs as often as it can, until it is terminated.
const counters = new ZxidCounters(workerData as SharedArrayBuffer);
for (let epoch = 0; epoch < 2 ** 21; epoch++) {
  for (let step = 0; step < 3; step++) counters.advance("committed", makeZxid(epoch, epoch * 1_000 + step));
}

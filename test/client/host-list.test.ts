import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SeededRandom } from "../../src/base/random.js";
import { HostList } from "../../src/client/host-list.js";

const hosts = ["a", "b", "c"].map((host) => ({ host, port: 1 }));
const backoff = { minMs: 100, maxMs: 1_000 };

describe("the list of hosts", () => {
  it("goes round in the order given", () => {
    const list = new HostList(hosts, "given", backoff, new SeededRandom(1));
    assert.deepEqual(
      Array.from({ length: 7 }, () => list.take().host),
      ["a", "b", "c", "a", "b", "c", "a"],
    );
  });

  it("begins anywhere when shuffled, about equally often, and leaves nobody out", () => {
    const first: Record<string, number> = {};
    for (let seed = 0; seed < 600; seed++) {
      const list = new HostList(hosts, "shuffled", backoff, new SeededRandom(seed));
      const order = hosts.map(() => list.take().host);
      assert.deepEqual([...order].sort(), ["a", "b", "c"]);
      first[order[0] as string] = (first[order[0] as string] ?? 0) + 1;
    }
    for (const { host } of hosts) assert((first[host] ?? 0) > 150, JSON.stringify(first));
  });

  it("waits for nothing until every host has failed, then longer each round, jittered, up to the limit", () => {
    const list = new HostList(hosts, "given", backoff, new SeededRandom(1));
    const ceilings = [0, 0, 100, 100, 100, 200, 200, 200, 400, 400, 400, 800, 800, 800, 1_000, 1_000];
    const waits = ceilings.map(() => list.failed());
    waits.forEach((wait, index) => {
      const ceiling = ceilings[index] as number;
      assert(wait >= ceiling / 2 && wait <= ceiling, `wait ${index} is ${wait}, its ceiling ${ceiling}`);
    });
    assert(new Set(waits.filter((wait) => wait > 0)).size > 10, "the waits differ");
    list.succeeded();
    assert.equal(list.failed(), 0);
  });
});

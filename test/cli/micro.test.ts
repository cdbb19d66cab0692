import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { describe, it } from "node:test";
import { EXIT } from "../../src/base/user-error.js";
import { Zabench } from "../support/zabench.js";

const zabench = new Zabench(tmpdir());

interface Figure {
  readonly suite: string;
  readonly nanosMedian: number;
  readonly samples: number;
}

describe("zabench micro", () => {
  it("measures every operation of the codec and the store", async () => {
    const { code, stdout, stderr } = await zabench.run("micro", "--time", "5", "--json");
    assert.equal(code, EXIT.ok, stderr);
    const figures = JSON.parse(stdout) as Figure[];
    assert.deepEqual([...new Set(figures.map(({ suite }) => suite))], ["codec", "store"]);
    for (const { nanosMedian, samples } of figures) assert.ok(nanosMedian > 0 && samples > 0, stdout);
  });

  it("keeps what was measured on Ctrl-C", async () => {
    const { child, said, ended } = zabench.start("micro", "--time", "100", "--json");
    await said(/decode setData response/);
    child.kill("SIGINT");
    const { code, stdout, stderr } = await ended;
    assert.equal(code, EXIT.interrupted, stderr);
    assert.match(stderr, /interrupted; what was measured is kept/);
    const figures = JSON.parse(stdout) as Figure[];
    assert.ok(figures.length > 0);
    assert.ok(
      figures.every(({ suite }) => suite === "codec"),
      stdout,
    );
  });

  it("refuses a time that is none", async () => {
    for (const time of ["soon", "0"]) {
      const { code, stderr } = await zabench.run("micro", "--time", time);
      assert.equal(code, EXIT.usage);
      assert.match(stderr, /--time.*not a whole number/s);
    }
  });
});

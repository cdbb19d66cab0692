import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatBytes, formatMicros, parseDurationMicros, parseSizeBytes } from "../../src/base/units.js";
import { EXIT, UserError } from "../../src/base/user-error.js";

describe("durations", () => {
  it("are numbers with a unit", () => {
    const given = ["250us", "5ms", "1.5s", " 2 m ", "1h", "0s"];
    assert.deepEqual(given.map(parseDurationMicros), [250, 5_000, 1_500_000, 120_000_000, 3_600_000_000, 0]);
  });

  it("without a unit, with another one, or longer than a timer can wait, are a mistake that is named", () => {
    assert.equal(parseDurationMicros("480h"), 480 * 3_600_000_000);
    for (const text of ["", "5", "5 sec", "-1s", "1e3s", "s", "1s2ms", "481h", `${"9".repeat(400)}s`]) {
      assert.throws(
        () => parseDurationMicros(text),
        (error) =>
          error instanceof UserError && error.kind.exitCode === EXIT.usage && error.message.includes(`'${text}'`),
      );
    }
  });

  it("are printed for people", () => {
    const given = [0, 999, 1_000, 9_999, 10_000, 99_949, 100_000, 999_400, 1_000_000, 61_500_000];
    assert.deepEqual(given.map(formatMicros), [
      "0 us",
      "999 us",
      "1.00 ms",
      "10.00 ms",
      "10.0 ms",
      "99.9 ms",
      "100 ms",
      "999 ms",
      "1.00 s",
      "61.50 s",
    ]);
  });
});

describe("sizes", () => {
  it("are bytes, or numbers with a unit", () => {
    const given = ["100", "100b", "4KiB", "1MB", "2 mib", "1.5kb", "1GiB", "1GB"];
    assert.deepEqual(given.map(parseSizeBytes), [100, 100, 4_096, 1e6, 2_097_152, 1_500, 2 ** 30, 1e9]);
  });

  it("that are none are a mistake that is named", () => {
    for (const text of ["", "x", "-1", "1TB", "1 2"]) {
      assert.throws(
        () => parseSizeBytes(text),
        (error) => error instanceof UserError && error.kind.code === "BAD_SIZE",
      );
    }
  });

  it("are printed for people", () => {
    const given = [0, 1_023, 1_024, 1_572_864, 2 ** 31];
    assert.deepEqual(given.map(formatBytes), ["0 B", "1023 B", "1.0 KiB", "1.5 MiB", "2.00 GiB"]);
  });
});

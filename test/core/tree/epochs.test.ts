import assert from "node:assert/strict";
import { test } from "node:test";
import { Epochs, OUTSIDE, RETIRED, readerWord } from "../../../src/core/tree/epochs.js";
import { HEADER, READER } from "../../../src/core/tree/layout.js";

function epochsAt(epoch: number): { epochs: Epochs; words: Int32Array; freed: number[]; reclaim: () => void } {
  const words = new Int32Array(256);
  words[HEADER.readersMax] = 2;
  const epochs = new Epochs(words);
  words[HEADER.epoch] = epoch;
  const freed: number[] = [];
  return { epochs, words, freed, reclaim: () => epochs.reclaim((reference) => freed.push(reference), 10_000) };
}

// Epochs are 32-bit and wrap; the numbers just before a change of sign and before 0 are the ones to fear.
for (const epoch of [1, 1_000, 2 ** 31 - 2, 2 ** 31 - 1, -(2 ** 31), -2, -1]) {
  test(`a block retired in epoch ${epoch} waits for the readers of that epoch and of no later one`, () => {
    const { epochs, words, freed, reclaim } = epochsAt(epoch);
    words[readerWord(0) + READER.epoch] = epoch;
    epochs.retire(11, RETIRED.block);
    for (let step = 0; step < 4; step++) reclaim();
    assert.deepEqual(freed, []);
    words[readerWord(1) + READER.epoch] = words[HEADER.epoch] as number;
    words[readerWord(0) + READER.epoch] = OUTSIDE;
    epochs.retire(12, RETIRED.block);
    for (let step = 0; step < 4; step++) reclaim();
    assert.deepEqual(freed, [11]);
    words[readerWord(1) + READER.epoch] = OUTSIDE;
    reclaim();
    assert.deepEqual(freed, [11, 12]);
    assert.notEqual(words[HEADER.epoch], OUTSIDE, "no epoch is taken for being outside");
  });
}

test("any number can wait, in order, each with its kind", () => {
  const { epochs, words } = epochsAt(1);
  words[readerWord(0) + READER.epoch] = 1;
  const seen: [number, number][] = [];
  const take = (count: number): void => epochs.reclaim((reference, kind) => seen.push([reference, kind]), count);
  for (let reference = 1; reference <= 5_000; reference++) epochs.retire(reference, reference % 2);
  take(10_000);
  assert.equal(epochs.waiting, 5_000);
  words[readerWord(0) + READER.epoch] = OUTSIDE;
  take(100);
  assert.equal(seen.length, 100);
  for (let reference = 5_001; reference <= 6_000; reference++) epochs.retire(reference, reference % 2);
  take(10_000);
  assert.deepEqual(
    seen,
    Array.from({ length: 6_000 }, (_, index) => [index + 1, (index + 1) % 2]),
  );
});

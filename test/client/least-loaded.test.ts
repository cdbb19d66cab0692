import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { LeastLoaded } from "../../src/client/recipes/least-loaded.js";

interface Modelled {
  load: number;
  chosenAt: number;
}

/** By looking at every one of them. */
function leastOf(model: ReadonlyMap<string, Modelled>): string | undefined {
  let least: [string, Modelled] | undefined;
  for (const [key, entry] of model) {
    const before =
      least === undefined ||
      entry.load < least[1].load ||
      (entry.load === least[1].load && entry.chosenAt < least[1].chosenAt);
    if (before) least = [key, entry];
  }
  return least?.[0];
}

const key = fc.nat(12).map(String);
const step = fc.oneof(
  fc.record({ kind: fc.constant("set" as const), key, load: fc.nat(6) }),
  fc.record({ kind: fc.constant("delete" as const), key }),
  fc.record({ kind: fc.constant("choose" as const), cost: fc.nat(3) }),
);

describe("the choice of the least loaded", () => {
  it("is what looking at every one of them would find, whatever comes, changes and goes", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const heap = new LeastLoaded<string>();
        const model = new Map<string, Modelled>();
        let choices = 0;
        for (const each of steps) {
          if (each.kind === "set") {
            heap.set(each.key, each.key, each.load);
            model.set(each.key, { load: each.load, chosenAt: model.get(each.key)?.chosenAt ?? 0 });
          } else if (each.kind === "delete") {
            heap.delete(each.key);
            model.delete(each.key);
          } else {
            const chosen = heap.choose(each.cost);
            const expected = model.get(leastOf(model) ?? "");
            const entry = model.get(chosen ?? "");
            // Of several that were never chosen, any will do.
            assert.deepEqual(entry, expected);
            if (entry !== undefined) {
              entry.load += each.cost;
              entry.chosenAt = ++choices;
            }
          }
          assert.equal(heap.size, model.size);
        }
      }),
    );
  });
});

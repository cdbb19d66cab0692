import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CreatedNodes } from "../../../../src/bench/workloads/mix/created-nodes.js";

interface Outstanding {
  readonly create: boolean;
  readonly number: number;
}

test("only what was created and answered is deleted, the oldest first, once, and the tree stays within its bound", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.array(fc.record({ create: fc.boolean(), end: fc.nat(), fails: fc.nat({ max: 9 }) }), { maxLength: 600 }),
      (depth, steps) => {
        const nodes = new CreatedNodes(depth, 1, 1);
        const outstanding: Outstanding[] = [];
        const there = new Set<number>();
        let last = -1;
        let next = 0;
        let failures = 0;
        for (const { create, end, fails } of steps) {
          if (outstanding.length === depth) {
            const [ended] = outstanding.splice(end % depth, 1);
            if (ended!.create && fails === 9) {
              nodes.release();
              failures++;
            } else if (ended!.create) {
              nodes.remember(ended!.number, ended!.number * 2);
              there.add(ended!.number);
            }
          }
          const creates = create ? !nodes.full : !nodes.canDelete;
          if (creates) {
            assert.ok(nodes.reserve());
            outstanding.push({ create: true, number: next++ });
          } else {
            const { number, key } = nodes;
            nodes.drop();
            assert.ok(there.delete(number), `${number} was deleted, and is not there`);
            assert.equal(key, number * 2);
            if (depth === 1) assert.ok(number > last, "the oldest first");
            last = number;
            outstanding.push({ create: false, number });
          }
          assert.ok(there.size <= 2 * depth + 64 + failures, `${there.size} are there`);
        }
      },
    ),
  );
});

test("where creates weigh more the tree grows, and what is remembered does not", () => {
  const nodes = new CreatedNodes(1, 2, 1);
  let kept = 0;
  for (let number = 0; number < 10_000; number++) {
    assert.equal(nodes.full, false);
    if (!nodes.reserve()) continue;
    nodes.remember(number, 0);
    kept++;
  }
  assert.equal(kept, 4_096);
});

test("what went with its session is not deleted", () => {
  const nodes = new CreatedNodes(1, 1, 1);
  for (let number = 0; number < 5; number++) {
    nodes.reserve();
    nodes.remember(number, 0);
  }
  nodes.reserve();
  nodes.clear();
  assert.equal(nodes.canDelete, false, "the one under way is not known yet");
  nodes.remember(9, 0);
  assert.equal(nodes.canDelete, true);
  assert.equal(nodes.number, 9);
});

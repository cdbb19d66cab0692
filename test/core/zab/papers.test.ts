import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  agreement,
  causalOrder,
  globalPrimaryOrder,
  integrity,
  localPrimaryOrder,
  oneProposalPerZxid,
  type Property,
  prefixProperty,
  primaryIntegrity,
  reliableDelivery,
  totalOrder,
} from "../../support/zab-properties.js";
import { type Broadcast, type Message, recordRun, type ZabRecord } from "../../support/zab-record.js";

// Each property that the papers state of the protocol, judged on recorded runs under faults; and a small record that has
// it broken, so that each is known to be able to fail. The sentences stand at the properties.

const SEEDS = 12;
const records = Array.from({ length: SEEDS }, (_, index) => recordRun(index + 1));

const EPOCH = 2 ** 32;
const at = (epoch: number, counter: number): number => epoch * EPOCH + counter;
const message = (zxid: number): Message => ({ zxid, value: `v${zxid}` });
const broadcast = (zxid: number, deliveredBefore = 0): Broadcast => ({
  ...message(zxid),
  epoch: Math.floor(zxid / EPOCH),
  deliveredBefore,
});

const [A, B, C] = [at(1, 1), at(1, 2), at(2, 1)];

/** Two primaries and what each process delivers, of which the last is taken for correct. */
function record(broadcasts: readonly Broadcast[], ...deliveries: readonly (readonly number[])[]): ZabRecord {
  return {
    broadcasts,
    deliveries: deliveries.map((zxids, process) => ({ process, correct: true, messages: zxids.map(message) })),
    causes: [],
  };
}

const SENT = [broadcast(A), broadcast(B), broadcast(C, B)];
const GOOD = record(SENT, [A, B, C], [A, B, C]);

const DSN_2011 = "Junqueira, Reed, Serafini 2011";
const LADIS_2008 = "Reed, Junqueira 2008";

const PROPERTIES: readonly (readonly [paper: string, name: string, property: Property, broken: ZabRecord])[] = [
  [DSN_2011, "integrity", integrity, record(SENT.slice(1), [A, B])],
  [DSN_2011, "total order", totalOrder, record(SENT, [A, B, C], [A, C])],
  [DSN_2011, "agreement", agreement, record(SENT, [A, B], [A, C])],
  [DSN_2011, "local primary order", localPrimaryOrder, record(SENT, [B])],
  [DSN_2011, "global primary order", globalPrimaryOrder, record(SENT, [A, C, B])],
  [DSN_2011, "primary integrity", primaryIntegrity, record([...SENT.slice(0, 2), broadcast(C, A)], [A, B, C])],
  [LADIS_2008, "reliable delivery", reliableDelivery, record(SENT, [A, B, C], [A, B])],
  [LADIS_2008, "total order", totalOrder, record(SENT, [A, B], [B, A])],
  [LADIS_2008, "causal order", causalOrder, { ...record(SENT, [A, C, B]), causes: [[B, C]] }],
  [LADIS_2008, "prefix property", prefixProperty, record(SENT, [B, C])],
  [LADIS_2008, "one leader for an epoch", oneProposalPerZxid, record([broadcast(A), broadcast(A)], [A])],
];

describe("what the papers state of the protocol", () => {
  for (const [paper, name, property, broken] of PROPERTIES) {
    it(`${name} (${paper})`, () => {
      assert.equal(property(GOOD), undefined);
      assert.notEqual(property(broken), undefined, "the record that has it broken passes");
      for (const [index, each] of records.entries()) assert.equal(property(each), undefined, `seed ${index + 1}`);
    });
  }

  it("was judged on runs in which several primaries broadcast and several processes delivered", () => {
    for (const { broadcasts, deliveries } of records) assert.ok(broadcasts.length > 0 && deliveries.length > 2);
    assert.ok(records.some(({ broadcasts }) => new Set(broadcasts.map(({ epoch }) => epoch)).size > 3));
    assert.ok(records.some(({ causes }) => causes.length > 20));
  });
});

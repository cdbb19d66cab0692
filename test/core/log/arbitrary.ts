import fc from "fast-check";
import type { MultiPart, Transaction, TxnDigest, TxnHeader } from "../../../src/core/log/transactions.js";
import { OP } from "../../../src/jute/opcodes.js";

const int32 = fc.integer();
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
export const path = fc
  .array(fc.stringMatching(/^[a-zé日]{1,6}$/u), { minLength: 1, maxLength: 3 })
  .map((names) => `/${names.join("/")}`);
export const data = fc.option(
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  { nil: null },
);
const acl = fc.record(
  { perms: int32, id: fc.record({ scheme: fc.string(), id: fc.string() }, { noNullPrototype: true }) },
  { noNullPrototype: true },
);
export const aclList = fc.array(acl, { maxLength: 3 });
const aclOrNull = fc.option(aclList, { nil: null });

function tagged<T extends number, V>(type: T, fields: { [K in keyof V]: fc.Arbitrary<V[K]> }) {
  return fc.record(fields, { noNullPrototype: true }).map((value) => ({ type, ...value }));
}

const create = { path, data, acl: aclOrNull, ephemeral: fc.boolean(), parentCVersion: int32 };
export const multiPart: fc.Arbitrary<MultiPart> = fc.oneof(
  tagged(OP.create, create),
  tagged(OP.create2, create),
  tagged(OP.createContainer, { path, data, acl: aclOrNull, parentCVersion: int32 }),
  tagged(OP.createTTL, { path, data, acl: aclOrNull, parentCVersion: int32, ttl: int64 }),
  tagged(OP.delete, { path }),
  tagged(OP.deleteContainer, { path }),
  tagged(OP.setData, { path, data, version: int32 }),
  tagged(OP.check, { path, version: int32 }),
  tagged(OP.error, { err: int32 }),
) as fc.Arbitrary<MultiPart>;

export const transaction: fc.Arbitrary<Transaction> = fc.oneof(
  multiPart,
  tagged(OP.reconfig, { path, data, version: int32 }),
  tagged(OP.setACL, { path, acl: aclOrNull, version: int32 }),
  tagged(OP.multi, { parts: fc.array(multiPart, { maxLength: 4 }) }),
  tagged(OP.createSession, { timeOut: int32 }),
  tagged(OP.closeSession, { pathsToDelete: fc.option(fc.array(path, { maxLength: 3 }), { nil: null }) }),
) as fc.Arbitrary<Transaction>;

export function header(type: number): fc.Arbitrary<TxnHeader> {
  return fc.record(
    {
      clientId: int64,
      cxid: int32,
      zxid: fc.integer({ min: 1, max: 2 ** 52 }),
      time: fc.integer({ min: 0, max: 2 ** 45 }),
      type: fc.constant(type),
    },
    { noNullPrototype: true },
  );
}

export const digest: fc.Arbitrary<TxnDigest | undefined> = fc.option(
  fc.record({ version: fc.constant(2), treeDigest: int64 }, { noNullPrototype: true }),
  { nil: undefined },
);

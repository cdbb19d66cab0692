import { assert } from "../../base/assert.js";
import type { GrpcConnection } from "./grpc.js";
import type { NumberedKeys } from "./keys.js";
import { METHODS, PutRequest, RequestOp, TxnRequest } from "./messages.js";
import { unary } from "./unary.js";

/** Overwrites `count` values from number `key` on, several of them in one transaction; returns the revision. */
export async function changeValues(
  grpc: GrpcConnection,
  values: NumberedKeys,
  key: number,
  count: number,
  value: Buffer,
): Promise<number> {
  const puts = Array.from({ length: count }, (_, at) => PutRequest.make({ key: values.key(key + at), value }));
  const [only] = puts;
  const { header } =
    only !== undefined && puts.length === 1
      ? await unary(grpc, METHODS.put, only)
      : await unary(
          grpc,
          METHODS.txn,
          TxnRequest.make({ success: puts.map((requestPut) => RequestOp.make({ requestPut })) }),
        );
  assert(header !== undefined, "etcd answers every write with a header");
  return header.revision;
}

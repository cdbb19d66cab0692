import { z } from "zod";
import { OPEN_ACL } from "../../core/tree/acl-cache.js";
import { pathProblem } from "../../core/tree/paths.js";
import { ERROR, errorName } from "../../jute/errors.js";
import { MultiResponse, type MultiResult, type MultiWriteOperation, MultiWriteRequest } from "../../jute/multi.js";
import { CREATE_MODE, OP } from "../../jute/opcodes.js";
import { readJson } from "./body.js";
import { CoreError } from "./core-session.js";
import type { Caller, Exchange } from "./exchange.js";
import { Problem, problemOf } from "./problem.js";
import { JSON_TYPE, negotiate, showZxid, statJson } from "./representation.js";
import { allowQuery } from "./resource.js";
import { checked } from "./schema.js";

const NO_NAMES: ReadonlySet<string> = new Set();
const TYPES = [JSON_TYPE];

const path = z.string().superRefine((text, context) => {
  const problem = pathProblem(text);
  if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
});
/** That of a sequential create ends where its number goes. */
const createPath = z.string().superRefine((text, context) => {
  const problem = pathProblem(`${text}0`);
  if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
});
const data = z
  .base64("data is base64")
  .default("")
  .transform((text) => Buffer.from(text, "base64"));
const version = z
  .int()
  .min(-1)
  .max(2 ** 31 - 1)
  .default(-1);
const mode = z.enum(["persistent", "ephemeral", "persistentSequential", "ephemeralSequential"]).default("persistent");

const MultiBody = z.strictObject({
  operations: z
    .array(
      z.discriminatedUnion("op", [
        z.strictObject({ op: z.literal("create"), path: createPath, data, mode }),
        z.strictObject({ op: z.literal("setData"), path, data, version }),
        z.strictObject({ op: z.literal("delete"), path, version }),
        z.strictObject({ op: z.literal("check"), path, version }),
      ]),
    )
    .min(1),
});
type Operation = z.infer<typeof MultiBody>["operations"][number];

function encoded(operation: Operation, caller: Caller): MultiWriteOperation {
  switch (operation.op) {
    case "create":
      if (operation.mode.startsWith("ephemeral") && !caller.hasSession)
        throw new Problem(400, "an ephemeral znode needs a session: add the header ZooKeeper-Session", "BADARGUMENTS");
      return {
        type: OP.create2,
        request: {
          path: operation.path,
          data: operation.data,
          acl: OPEN_ACL,
          flags: CREATE_MODE[operation.mode],
        },
      };
    case "setData":
      return {
        type: OP.setData,
        request: { path: operation.path, data: operation.data, version: operation.version },
      };
    case "delete":
      return { type: OP.delete, request: { path: operation.path, version: operation.version } };
    case "check":
      return { type: OP.check, request: { path: operation.path, version: operation.version } };
  }
}

function outcome(result: MultiResult, operation: Operation): Record<string, unknown> {
  const { op } = operation;
  switch (result.type) {
    case OP.create2:
      return { op, path: result.response.path, stat: statJson(result.response.stat) };
    case OP.setData:
      return { op, path: operation.path, stat: statJson(result.response.stat) };
    default:
      return { op, path: operation.path };
  }
}

/** The error that made the whole fail: the parts before it are marked OK, those behind it RUNTIMEINCONSISTENCY. */
function failedPart(results: readonly MultiResult[]): { readonly index: number; readonly code: number } | undefined {
  for (const [index, result] of results.entries()) {
    if (result.type !== OP.error) continue;
    const code = result.response.err;
    if (code !== ERROR.OK && code !== ERROR.RUNTIMEINCONSISTENCY) return { index, code };
  }
  return undefined;
}

/** All or nothing. A part that cannot be done is the problem's; `results` says what became of which. */
export async function postMulti(exchange: Exchange, caller: Caller, bodyBytesMax: number): Promise<void> {
  const { request, resource } = exchange;
  allowQuery(resource.query, NO_NAMES);
  negotiate(request.headers.accept, TYPES);
  // Base64 takes four bytes for three.
  const { operations } = checked(MultiBody, await readJson(request, bodyBytesMax * 2));
  const parts = operations.map((operation) => encoded(operation, caller));
  const { results, zxid } = await caller.write(
    OP.multi,
    (writer) => MultiWriteRequest.write(writer, parts),
    (body, replyZxid) => ({ results: MultiResponse.read(body), zxid: replyZxid }),
  );
  const failed = failedPart(results);
  if (failed !== undefined) {
    const { status, detail, error } = problemOf(new CoreError(failed.code), operations[failed.index]!.path);
    throw new Problem(
      status,
      `operation ${failed.index}: ${detail}`,
      error,
      {},
      {
        index: failed.index,
        results: results.map((result) => (result.type === OP.error ? errorName(result.response.err) : "OK")),
      },
    );
  }
  const body = { zxid: showZxid(zxid), results: results.map((result, index) => outcome(result, operations[index]!)) };
  exchange.send(200, { "content-type": JSON_TYPE, "zookeeper-zxid": showZxid(zxid) }, `${JSON.stringify(body)}\n`);
}

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RedisError } from "../../../src/targets/redis/errors.js";
import { encodeCommand, type Reply, ReplyReader } from "../../../src/targets/redis/resp.js";

function encodeReply(reply: Reply): string {
  if (reply === null) return "$-1\r\n";
  if (typeof reply === "number") return `:${reply}\r\n`;
  if (reply instanceof RedisError) return `-${reply.code} ${reply.message.slice(reply.code.length + 2)}\r\n`;
  if (typeof reply === "string") return `$${Buffer.byteLength(reply)}\r\n${reply}\r\n`;
  return `*${reply.length}\r\n${reply.map(encodeReply).join("")}`;
}

test("a command is an array of strings, counted in bytes", () => {
  assert.equal(
    encodeCommand(["SET", "ü", "a\r\nb", "PX", 10_000]),
    "*5\r\n$3\r\nSET\r\n$2\r\nü\r\n$4\r\na\r\nb\r\n$2\r\nPX\r\n$5\r\n10000\r\n",
  );
});

test("replies of every type are read as the specification writes them", () => {
  const reader = new ReplyReader();
  const bytes =
    "+OK\r\n:-2\r\n$-1\r\n*-1\r\n$0\r\n\r\n-READONLY You can't write against a read only replica.\r\n-ERR\r\n";
  const replies = reader.read(Buffer.from(bytes));
  assert.deepEqual(replies.slice(0, 5), ["OK", -2, null, null, ""]);
  const [refusal, bare] = replies.slice(5) as RedisError[];
  assert.deepEqual([refusal?.code, bare?.code], ["READONLY", "ERR"]);
  assert.match(refusal?.message ?? "", /^READONLY: You can't write/);
});

test("whatever pieces the bytes come in, the replies are the same", () => {
  const { reply } = fc.letrec<{ reply: Reply; leaf: Reply }>((tie) => ({
    leaf: fc.oneof(
      fc.string({ unit: "binary" }),
      fc.integer(),
      fc.constant(null),
      fc.constant(new RedisError("ERR", "no")),
    ),
    reply: fc.oneof({ maxDepth: 4, depthSize: "small" }, tie("leaf"), fc.array(tie("reply"), { maxLength: 4 })),
  }));
  fc.assert(
    fc.property(fc.array(reply), fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (replies, pieces) => {
      const bytes = Buffer.from(replies.map(encodeReply).join(""));
      const reader = new ReplyReader();
      const read: Reply[] = [];
      for (let at = 0, piece = 0; at < bytes.length; piece++) {
        const end = at + (pieces[piece % pieces.length] as number);
        read.push(...reader.read(bytes.subarray(at, end)));
        at = end;
      }
      assert.deepEqual(read, replies);
    }),
  );
});

test("what is not the protocol is refused, and not waited for", () => {
  for (const bytes of ["HTTP/1.1 400 Bad Request\r\n", ":1x\r\n", "$-2\r\n", "$99999999999\r\n", "*1\r\n".repeat(20)]) {
    assert.throws(() => new ReplyReader().read(Buffer.from(bytes)), /reply/, bytes);
  }
  assert.throws(() => new ReplyReader().read(Buffer.alloc(70_000, "+a")), /no end/);
});

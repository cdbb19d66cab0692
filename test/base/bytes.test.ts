import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ByteReader, ByteWriter, MalformedBytesError } from "../../src/base/bytes.js";

function written(write: (writer: ByteWriter) => void): Buffer {
  const writer = new ByteWriter(1);
  write(writer);
  return writer.copy();
}

describe("numbers", () => {
  it("are big-endian two's complement", () => {
    const bytes = written((writer) => {
      writer.int8(-2);
      writer.bool(true);
      writer.int32(-2);
      writer.int64(-2n);
      writer.safeInt64(-2);
    });
    assert.equal(bytes.toString("hex"), `fe01fffffffe${"fffffffffffffffe".repeat(2)}`);
    const reader = new ByteReader(bytes);
    assert.deepEqual(
      [reader.int8(), reader.bool(), reader.int32(), reader.int64(), reader.safeInt64()],
      [-2, true, -2, -2n, -2],
    );
  });

  it("of 64 bits are the same by either way of writing them", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const bytes = written((writer) => writer.safeInt64(value));
        assert.deepEqual(
          bytes,
          written((writer) => writer.int64(BigInt(value))),
        );
        assert.equal(new ByteReader(bytes).int64(), BigInt(value));
        assert.equal(new ByteReader(bytes).safeInt64(), value);
      }),
    );
  });

  it("beyond 53 bits are refused where they must be exact", () => {
    const bytes = written((writer) => writer.int64(2n ** 53n));
    assert.throws(() => new ByteReader(bytes).safeInt64(), /0x0020000000000000 at offset 0 exceeds 53 bits/);
    assert.equal(new ByteReader(bytes).int64(), 2n ** 53n);
  });

  it("any byte but 0 is true", () => {
    assert.deepEqual(
      [0, 1, 2, 255].map((byte) => new ByteReader(Buffer.from([byte])).bool()),
      [false, true, true, true],
    );
  });
});

describe("strings", () => {
  const encoded = (text: string): string => written((writer) => writer.string(text)).toString("hex", 4);

  it("up to U+FFFF are UTF-8", () => {
    for (const text of ["", "a", "é", "߿", "ࠀ", "✓", "\uffff", "\u0000"]) {
      assert.equal(encoded(text), Buffer.from(text).toString("hex"));
      const bytes = written((writer) => writer.string(text));
      assert.equal(new ByteReader(bytes).string(), text);
    }
  });

  it("above U+FFFF are written as two surrogates of three bytes each, as Java's writer does", () => {
    assert.equal(encoded("😀"), "eda0bdedb880");
    assert.equal(encoded("\ud83d"), "eda0bd");
  });

  it("are read as plain UTF-8: four bytes are one character, written surrogates are not", () => {
    const four = written((writer) => writer.buffer(Buffer.from("😀")));
    assert.equal(new ByteReader(four).string(), "😀");
    const surrogates = written((writer) => writer.string("😀"));
    assert.match(new ByteReader(surrogates).string() as string, /^\ufffd+$/);
  });

  it("null and empty are two things", () => {
    const bytes = written((writer) => {
      writer.string(null);
      writer.string("");
      writer.buffer(null);
      writer.buffer(Buffer.alloc(0));
    });
    assert.equal(bytes.toString("hex"), "ffffffff00000000ffffffff00000000");
    const reader = new ByteReader(bytes);
    assert.deepEqual([reader.string(), reader.string(), reader.buffer(), reader.buffer()?.length], [null, "", null, 0]);
  });
});

describe("a reader", () => {
  it("never goes beyond its end, though the buffer does", () => {
    const bytes = Buffer.from("00000004ffffffff", "hex");
    const reader = new ByteReader(bytes, 0, 6);
    assert.throws(() => reader.buffer(), MalformedBytesError);
    assert.throws(() => new ByteReader(bytes, 6, 7).int32(), /needed 4 bytes at offset 6, 1 are left/);
    assert.throws(() => new ByteReader(bytes, 8, 8).int8(), MalformedBytesError);
  });

  it("gives views, not copies", () => {
    const bytes = written((writer) => writer.buffer(Buffer.from("abc")));
    const view = new ByteReader(bytes).buffer();
    bytes.write("x", 4);
    assert.equal(view?.toString(), "xbc");
  });
});

describe("a writer", () => {
  it("keeps what was written when it grows, and its memory when it is reset", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 20 }), (parts) => {
        const writer = new ByteWriter(1);
        for (const part of parts) writer.raw(part);
        assert.deepEqual(writer.copy(), Buffer.concat(parts));
        const memory = writer.bytes;
        writer.reset();
        writer.raw(Buffer.alloc(Math.min(1, memory.length)));
        assert.equal(writer.bytes, memory);
        assert.equal(writer.offset, 1);
      }),
    );
  });
});

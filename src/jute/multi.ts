import type { ByteReader, ByteWriter } from "../base/bytes.js";
import { MalformedBytesError } from "../base/bytes.js";
import type { Codec, ValueOf } from "./codec.js";
import { empty } from "./codec.js";
import { OP } from "./opcodes.js";
import {
  CheckVersionRequest,
  Create2Response,
  CreateRequest,
  CreateResponse,
  CreateTTLRequest,
  DeleteRequest,
  ErrorResponse,
  GetChildrenRequest,
  GetChildrenResponse,
  GetDataRequest,
  GetDataResponse,
  MultiHeader,
  SetDataRequest,
  SetDataResponse,
} from "./records.js";

// A multi is a run of { MultiHeader, body } closed by a MultiHeader with done = true, -1 in both numbers
// (upstream: MultiOperationRecord, MultiResponse).

const WRITE_REQUESTS = {
  [OP.create]: CreateRequest,
  [OP.create2]: CreateRequest,
  [OP.createContainer]: CreateRequest,
  [OP.createTTL]: CreateTTLRequest,
  [OP.delete]: DeleteRequest,
  [OP.setData]: SetDataRequest,
  [OP.check]: CheckVersionRequest,
} as const;

const READ_REQUESTS = { [OP.getData]: GetDataRequest, [OP.getChildren]: GetChildrenRequest } as const;

const RESULTS = {
  [OP.create]: CreateResponse,
  [OP.create2]: Create2Response,
  [OP.delete]: empty,
  [OP.check]: empty,
  [OP.setData]: SetDataResponse,
  [OP.getChildren]: GetChildrenResponse,
  [OP.getData]: GetDataResponse,
  [OP.error]: ErrorResponse,
} as const;

type Tagged<T extends Readonly<Record<number, Codec<never> | Codec<unknown>>>, Key extends string> = {
  [K in keyof T & number]: { readonly type: K } & { readonly [Name in Key]: ValueOf<T[K]> };
}[keyof T & number];

export type MultiWriteOperation = Tagged<typeof WRITE_REQUESTS, "request">;
export type MultiReadOperation = Tagged<typeof READ_REQUESTS, "request">;
export type MultiOperation = MultiWriteOperation | MultiReadOperation;
export type MultiResult = Tagged<typeof RESULTS, "response">;

const END = { type: -1, done: true, err: -1 };

function codecOf(table: object, type: number): Codec<unknown> | undefined {
  return (table as Record<number, Codec<unknown>>)[type];
}

function readRun<T>(reader: ByteReader, each: (type: number, err: number) => T): readonly T[] {
  const values: T[] = [];
  for (;;) {
    const header = MultiHeader.read(reader);
    if (header.done) return values;
    values.push(each(header.type, header.err));
  }
}

/** The operations of a multi (`kind` write) or a multiRead (`kind` read); the other kind's types are malformed. */
export function multiOperations(kind: "write"): Codec<readonly MultiWriteOperation[]>;
export function multiOperations(kind: "read"): Codec<readonly MultiReadOperation[]>;
export function multiOperations(kind: "write" | "read"): Codec<readonly MultiOperation[]> {
  const table = kind === "write" ? WRITE_REQUESTS : READ_REQUESTS;
  return {
    bytesMin: MultiHeader.bytesMin,
    read: (reader) =>
      readRun(reader, (type) => {
        const codec = codecOf(table, type);
        if (!codec) throw new MalformedBytesError(`type ${type} is not allowed in a ${kind} multi`);
        return { type, request: codec.read(reader) } as MultiOperation;
      }),
    write: (writer, operations) => {
      for (const { type, request } of operations) {
        MultiHeader.write(writer, { type, done: false, err: -1 });
        (codecOf(table, type) as Codec<unknown>).write(writer, request);
      }
      MultiHeader.write(writer, END);
    },
  };
}

export const MultiWriteRequest = multiOperations("write");
export const MultiReadRequest = multiOperations("read");

export const MultiResponse: Codec<readonly MultiResult[]> = {
  bytesMin: MultiHeader.bytesMin,
  read: (reader) =>
    readRun(reader, (type) => {
      const codec = codecOf(RESULTS, type);
      if (!codec) throw new MalformedBytesError(`type ${type} is no result of a multi`);
      return { type, response: codec.read(reader) } as MultiResult;
    }),
  write: (writer: ByteWriter, results) => {
    for (const { type, response } of results) {
      MultiHeader.write(writer, { type, done: false, err: type === OP.error ? response.err : 0 });
      (codecOf(RESULTS, type) as Codec<unknown>).write(writer, response);
    }
    MultiHeader.write(writer, END);
  },
};

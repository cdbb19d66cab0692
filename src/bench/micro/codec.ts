import type { Bench } from "tinybench";
import { ByteReader, ByteWriter } from "../../base/bytes.js";
import type { Codec } from "../../jute/codec.js";
import { OP } from "../../jute/opcodes.js";
import {
  GetDataRequest,
  GetDataResponse,
  ReplyHeader,
  RequestHeader,
  SetDataRequest,
  SetDataResponse,
  type Stat,
} from "../../jute/records.js";

/** One run of a task is so many operations, since a clock cannot time one; divide by it. */
export const CODEC_OPERATIONS_PER_RUN = 1_000;

const PATH = "/bench/node-0000012345";
const VALUE = Buffer.alloc(100, 0x78);
const STAT: Stat = {
  czxid: 2 ** 32 + 1,
  mzxid: 2 ** 32 + 9,
  ctime: 1_700_000_000_000,
  mtime: 1_700_000_000_000,
  version: 8,
  cversion: 0,
  aversion: 0,
  ephemeralOwner: 0n,
  dataLength: VALUE.length,
  numChildren: 0,
  pzxid: 2 ** 32 + 1,
};

/** Encoding and decoding of whole messages, header and body, for the two commonest operations with 100-byte values. */
export function addCodecTasks(bench: Bench): void {
  const request = { xid: 1 };
  const reply = { xid: 1, zxid: 2 ** 32 + 9, err: 0 };
  addMessage(bench, "getData request", RequestHeader, { ...request, type: OP.getData }, GetDataRequest, {
    path: PATH,
    watch: false,
  });
  addMessage(bench, "getData response", ReplyHeader, reply, GetDataResponse, { data: VALUE, stat: STAT });
  addMessage(bench, "setData request", RequestHeader, { ...request, type: OP.setData }, SetDataRequest, {
    path: PATH,
    data: VALUE,
    version: -1,
  });
  addMessage(bench, "setData response", ReplyHeader, reply, SetDataResponse, { stat: STAT });
}

function addMessage<H, B>(
  bench: Bench,
  name: string,
  header: Codec<H>,
  headerValue: H,
  body: Codec<B>,
  bodyValue: B,
): void {
  const writer = new ByteWriter();
  const encode = (): void => {
    writer.reset();
    header.write(writer, headerValue);
    body.write(writer, bodyValue);
  };
  encode();
  const message = writer.copy();
  bench.add(`encode ${name}`, () => {
    for (let count = 0; count < CODEC_OPERATIONS_PER_RUN; count++) encode();
  });
  bench.add(`decode ${name}`, () => {
    for (let count = 0; count < CODEC_OPERATIONS_PER_RUN; count++) {
      const reader = new ByteReader(message);
      header.read(reader);
      body.read(reader);
    }
  });
}

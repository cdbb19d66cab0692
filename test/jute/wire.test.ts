import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { ByteReader, ByteWriter } from "../../src/base/bytes.js";
import { type Codec, empty } from "../../src/jute/codec.js";
import { ERROR } from "../../src/jute/errors.js";
import { MultiReadRequest, MultiResponse, MultiWriteRequest } from "../../src/jute/multi.js";
import * as records from "../../src/jute/records.js";

// Every frame that was recorded between real clients and a real Apache ZooKeeper is decoded, and encodes to the very
// same bytes again. See test/wire/record.ts.

const root = fileURLToPath(new URL("../../../test/wire", import.meta.url));

type Pair = readonly [request: Codec<never> | Codec<unknown>, response: Codec<never> | Codec<unknown>];

const OPERATIONS: Readonly<Record<string, Pair>> = {
  create: [records.CreateRequest, records.CreateResponse],
  create2: [records.CreateRequest, records.Create2Response],
  createContainer: [records.CreateRequest, records.Create2Response],
  createTTL: [records.CreateTTLRequest, records.Create2Response],
  delete: [records.DeleteRequest, empty],
  deleteContainer: [records.DeleteContainerRequest, empty],
  exists: [records.ExistsRequest, records.ExistsResponse],
  getData: [records.GetDataRequest, records.GetDataResponse],
  setData: [records.SetDataRequest, records.SetDataResponse],
  getACL: [records.GetACLRequest, records.GetACLResponse],
  setACL: [records.SetACLRequest, records.SetACLResponse],
  getChildren: [records.GetChildrenRequest, records.GetChildrenResponse],
  getChildren2: [records.GetChildren2Request, records.GetChildren2Response],
  getAllChildrenNumber: [records.GetAllChildrenNumberRequest, records.GetAllChildrenNumberResponse],
  getEphemerals: [records.GetEphemeralsRequest, records.GetEphemeralsResponse],
  sync: [records.SyncRequest, records.SyncResponse],
  check: [records.CheckVersionRequest, empty],
  multi: [MultiWriteRequest, MultiResponse],
  multiRead: [MultiReadRequest, MultiResponse],
  reconfig: [records.ReconfigRequest, records.GetDataResponse],
  checkWatches: [records.CheckWatchesRequest, empty],
  removeWatches: [records.RemoveWatchesRequest, empty],
  addWatch: [records.AddWatchRequest, records.ErrorResponse],
  setWatches: [records.SetWatches, empty],
  setWatches2: [records.SetWatches2, empty],
  whoAmI: [empty, records.WhoAmIResponse],
  auth: [records.AuthPacket, empty],
  sasl: [records.GetSASLRequest, records.SetSASLResponse],
  ping: [empty, empty],
  closeSession: [empty, empty],
  notification: [empty, records.WatcherEvent],
  op77: [empty, empty],
};

interface Frame {
  readonly toServer: boolean;
  readonly name: string;
  readonly body: Buffer;
  readonly where: string;
}

function framesOf(folder: string, file: string): Frame[] {
  const lines = readFileSync(join(root, folder, file), "utf8")
    .trimEnd()
    .split("\n");
  return lines.map((line, index) => {
    const [arrow, name, hex] = line.split(" ") as [string, string, string];
    return { toServer: arrow === ">", name, body: Buffer.from(hex, "hex"), where: `${folder}/${file}:${index + 1}` };
  });
}

/** Reads with every codec in turn, expects nothing to be left, writes the same again and returns the values. */
function roundTrip(frame: Frame, codecs: readonly Codec<unknown>[]): unknown[] {
  const reader = new ByteReader(frame.body);
  const values = codecs.map((codec) => codec.read(reader));
  assert.equal(reader.remaining, 0, `${frame.where}: ${reader.remaining} bytes of ${frame.name} were not read`);
  const writer = new ByteWriter(1);
  codecs.forEach((codec, index) => {
    codec.write(writer, values[index]);
  });
  assert.equal(writer.copy().toString("hex"), frame.body.toString("hex"), frame.where);
  return values;
}

function codecsOf(frame: Frame): Codec<unknown>[] {
  if (frame.name === "connect") {
    return [(frame.toServer ? records.ConnectRequest : records.ConnectResponse) as Codec<unknown>];
  }
  const pair = OPERATIONS[frame.name];
  assert(pair, `${frame.where}: ${frame.name} has no codec here`);
  if (frame.toServer) return [records.RequestHeader as Codec<unknown>, pair[0] as Codec<unknown>];
  const { err } = records.ReplyHeader.read(new ByteReader(frame.body));
  return [records.ReplyHeader as Codec<unknown>, (err === ERROR.OK ? pair[1] : empty) as Codec<unknown>];
}

const folders = readdirSync(root).filter((name) => name.startsWith("zookeeper-"));

describe("frames recorded from Apache ZooKeeper", () => {
  const recorded = new Set<string>();
  for (const folder of folders) {
    for (const file of readdirSync(join(root, folder))) {
      it(`${folder}/${file} decodes and encodes to the same bytes`, () => {
        for (const frame of framesOf(folder, file)) {
          roundTrip(frame, codecsOf(frame));
          recorded.add(`${frame.toServer ? ">" : "<"} ${frame.name}`);
        }
      });
    }
  }

  it("covers every operation, both ways", () => {
    for (const name of ["connect", ...Object.keys(OPERATIONS)]) {
      assert(recorded.has(`< ${name}`), `no reply to ${name} was recorded`);
      if (name !== "notification") assert(recorded.has(`> ${name}`), `no ${name} was recorded`);
    }
  });

  it("means what Apache's command line client asked for", () => {
    const frames = framesOf("zookeeper-3.8.0", "cli.txt");
    const find = (arrow: string, name: string, skip = 0): Frame =>
      frames.filter((frame) => frame.toServer === (arrow === ">") && frame.name === name)[skip] as Frame;
    const requestOf = (name: string, skip = 0): unknown =>
      roundTrip(find(">", name, skip), codecsOf(find(">", name, skip)))[1];
    const world = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];
    assert.deepEqual(requestOf("create", 1), { path: "/cli/e-", data: Buffer.from("x"), acl: world, flags: 3 });
    assert.deepEqual(requestOf("createTTL"), {
      path: "/ttl",
      data: Buffer.from("x"),
      acl: world,
      flags: 5,
      ttl: 60_000n,
    });
    assert.deepEqual(requestOf("createContainer"), { path: "/container", data: null, acl: world, flags: 4 });
    assert.deepEqual(requestOf("setData", 1), { path: "/cli", data: Buffer.from("refused"), version: 7 });
    assert.deepEqual(requestOf("reconfig"), {
      joiningServers: null,
      leavingServers: "3",
      newMembers: null,
      curConfigId: -1n,
    });
    assert.deepEqual(requestOf("setWatches2"), {
      relativeZxid: 9,
      dataWatches: ["/cli"],
      existWatches: [],
      childWatches: ["/cli"],
      persistentWatches: ["/cli"],
      persistentRecursiveWatches: ["/container"],
    });
    const [header, data] = roundTrip(find("<", "getData"), codecsOf(find("<", "getData"))) as [
      unknown,
      { stat: records.Stat },
    ];
    assert.deepEqual(header, { xid: 5, zxid: 5, err: 0 });
    assert.equal(data.stat.numChildren, 1);
    const refused = find("<", "setData", 1);
    assert.deepEqual(records.ReplyHeader.read(new ByteReader(refused.body)), {
      xid: 7,
      zxid: 7,
      err: ERROR.BADVERSION,
    });
    assert.deepEqual(roundTrip(find("<", "notification"), codecsOf(find("<", "notification")))[1], {
      type: 3,
      state: 3,
      path: "/cli",
    });
  });

  it("tells the outcome of each operation of a refused multi", () => {
    const replies = framesOf("zookeeper-3.8.0", "client.txt").filter(
      (frame) => !frame.toServer && frame.name === "multi",
    );
    const refused = roundTrip(replies[1] as Frame, codecsOf(replies[1] as Frame))[1];
    assert.deepEqual(
      refused,
      [ERROR.OK, ERROR.BADVERSION, ERROR.RUNTIMEINCONSISTENCY].map((err) => ({ type: -1, response: { err } })),
    );
  });
});

// Bytes made by Apache's own classes, release 3.8.0.
describe("golden bytes", () => {
  const golden: readonly (readonly [string, readonly Codec<unknown>[], readonly unknown[], string])[] = [
    [
      "a ConnectRequest without a session",
      [records.ConnectRequest as Codec<unknown>],
      [
        {
          protocolVersion: 0,
          lastZxidSeen: 0n,
          timeOut: 30_000,
          sessionId: 0n,
          passwd: Buffer.alloc(16),
          readOnly: undefined,
        },
      ],
      "0000000000000000000000000000753000000000000000000000001000000000000000000000000000000000",
    ],
    [
      "getData of /a with a watch",
      [records.RequestHeader as Codec<unknown>, records.GetDataRequest as Codec<unknown>],
      [
        { xid: 1, type: 4 },
        { path: "/a", watch: true },
      ],
      "0000000100000004000000022f6101",
    ],
    [
      "a change of /a",
      [records.WatcherEvent as Codec<unknown>],
      [{ type: 3, state: 3, path: "/a" }],
      "0000000300000003000000022f61",
    ],
  ];
  for (const [name, codecs, values, hex] of golden) {
    it(name, () => {
      const frame = { toServer: true, name, body: Buffer.from(hex, "hex"), where: "golden" };
      assert.deepEqual(roundTrip(frame, codecs), values);
    });
  }

  it("a stat of /a, as its snapshot holds it", () => {
    // Apache keeps a node's stat on disk in the fields of the wire, without the two that are counted.
    const hex =
      "00000000000000020000000000000004" +
      "0000018bcfe568000000018bcfe5680000000001000000010000000100000000000000000000000000000006";
    const frame = { toServer: true, name: "StatPersisted", body: Buffer.from(hex, "hex"), where: "golden" };
    assert.deepEqual(roundTrip(frame, [records.StatPersisted as Codec<unknown>])[0], {
      czxid: 2,
      mzxid: 4,
      ctime: 1_700_000_000_000,
      mtime: 1_700_000_000_000,
      version: 1,
      cversion: 1,
      aversion: 1,
      ephemeralOwner: 0n,
      pzxid: 6,
    });
  });
});

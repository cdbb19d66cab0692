import type { Bench } from "tinybench";
import { ByteWriter } from "../../base/bytes.js";
import { randomBelow, SeededRandom } from "../../base/random.js";
import { OPEN_ACL_ID } from "../../core/tree/acl-cache.js";
import { createFreshTree } from "../../core/tree/fresh.js";
import { ZnodeStore } from "../../core/tree/store.js";
import { WatchTables } from "../../core/tree/watches.js";
import { GetDataResponse, type Stat } from "../../jute/records.js";

/** One run of a task is so many operations, since a clock cannot time one; divide by it. */
export const STORE_OPERATIONS_PER_RUN = 1_000;

const NODES = 100_000;
const VALUE_BYTES = 100;
const ARENA_BYTES = 2 ** 28;
const TIME_MS = 1_700_000_000_000;

interface PlainNode {
  data: Buffer;
  stat: Stat;
}

function pathOf(index: number): string {
  return `/bench/node-${String(index).padStart(10, "0")}`;
}

function filledStore(): ZnodeStore {
  const store = ZnodeStore.create({ arenaBytesMax: ARENA_BYTES, hashSeed: 0x5eed, readersMax: 1 });
  createFreshTree(store);
  create(store, "/bench");
  for (let index = 0; index < NODES; index++) create(store, pathOf(index));
  return store;
}

function create(store: ZnodeStore, path: string): void {
  const data = Buffer.alloc(VALUE_BYTES, 0x78);
  const change = { data, aclId: OPEN_ACL_ID, ephemeralOwner: 0n, zxid: 1, timeMs: TIME_MS, parentCversion: -1 };
  store.create({ path, ...change });
}

/** What a server without the store would hold: an object per node, under its path. */
function filledMap(): Map<string, PlainNode> {
  const nodes = new Map<string, PlainNode>();
  for (let index = 0; index < NODES; index++) {
    const stat: Stat = {
      czxid: 1,
      mzxid: 1,
      ctime: TIME_MS,
      mtime: TIME_MS,
      version: 0,
      cversion: 0,
      aversion: 0,
      ephemeralOwner: 0n,
      dataLength: VALUE_BYTES,
      numChildren: 0,
      pzxid: 1,
    };
    nodes.set(pathOf(index), { data: Buffer.alloc(VALUE_BYTES, 0x78), stat });
  }
  return nodes;
}

/**
 * The store over 100,000 nodes of 100 bytes, beside a `Map<string, object>` of the same size. Look-ups visit the nodes in
 * random order and start from path bytes, as in a request.
 */
export function addStoreTasks(bench: Bench): void {
  const store = filledStore();
  const nodes = filledMap();
  const random = new SeededRandom(1);
  const order = Uint32Array.from({ length: NODES }, () => randomBelow(random, NODES));
  const pathBytes = pathOf(0).length;
  const paths = Buffer.concat(Array.from(order, (index) => Buffer.from(pathOf(index))));
  const reply = Buffer.alloc(1_024);
  const writer = new ByteWriter();
  const watches = new WatchTables<number>();
  for (let index = 0; index < 1_000; index++) watches.addData(index, `/watched/${index}`);
  const data = Buffer.alloc(VALUE_BYTES, 0x79);
  let at = 0;
  let zxid = 2;
  // What a look-up finds is kept, or the engine would leave the look-up out.
  const kept: { found: unknown } = { found: undefined };
  const next = (): number => {
    at = at + 1 === NODES ? 0 : at + 1;
    return at;
  };
  const add = (name: string, operation: () => void): void => {
    bench.add(name, () => {
      for (let count = 0; count < STORE_OPERATIONS_PER_RUN; count++) operation();
    });
  };

  add("store: find", () => {
    const start = next() * pathBytes;
    kept.found = store.find(paths, start, start + pathBytes);
  });
  add("store: find + copyDataReply", () => {
    const start = next() * pathBytes;
    store.copyDataReply(store.find(paths, start, start + pathBytes), reply, 0);
  });
  add("map: decode path + get", () => {
    const start = next() * pathBytes;
    kept.found = nodes.get(paths.toString("latin1", start, start + pathBytes));
  });
  add("map: decode path + get + encode reply", () => {
    const start = next() * pathBytes;
    const node = nodes.get(paths.toString("latin1", start, start + pathBytes)) as PlainNode;
    writer.reset();
    GetDataResponse.write(writer, node);
  });
  add("store: setData", () => {
    store.setData(pathOf(order[next()] as number), data, 1, zxid++, TIME_MS);
  });
  add("store: create + remove", () => {
    create(store, "/bench/made");
    store.remove("/bench/made", zxid++);
  });
  add("watches: change that nobody watches", () => {
    watches.nodeDataChanged("/bench/made", () => {
      kept.found = undefined;
    });
  });
}

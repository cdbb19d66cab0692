import assert from "node:assert/strict";
import { test } from "node:test";
import { WATCHER_TYPE, WatchTables } from "../../../src/core/tree/watches.js";

const CREATED = 1;
const DELETED = 2;
const DATA = 3;
const CHILDREN = 4;

type Event = readonly [connection: string, type: number, path: string];
type Change = "nodeCreated" | "nodeDeleted" | "nodeDataChanged";

function events(tables: WatchTables<string>, change: Change, path: string): readonly Event[] {
  const seen: Event[] = [];
  tables[change](path, (connection, type, eventPath) => seen.push([connection, type, eventPath]));
  return seen;
}

test("a creation is told to who waits for the node, then to who watches the parent's children, once", () => {
  const tables = new WatchTables<string>();
  tables.addChild("c", "/a");
  tables.addData("d", "/a/b");
  tables.addData("other", "/a");
  assert.deepEqual(events(tables, "nodeCreated", "/a/b"), [
    ["d", CREATED, "/a/b"],
    ["c", CHILDREN, "/a"],
  ]);
  assert.deepEqual(events(tables, "nodeCreated", "/a/b"), []);
  assert.equal(tables.count, 1);
});

test("a child of the root changes the children of /", () => {
  const tables = new WatchTables<string>();
  tables.addChild("c", "/");
  assert.deepEqual(events(tables, "nodeCreated", "/a"), [["c", CHILDREN, "/"]]);
});

test("a deletion is told once to a connection that watches data and children, and uses both watches up", () => {
  const tables = new WatchTables<string>();
  tables.addData("both", "/a/b");
  tables.addChild("both", "/a/b");
  tables.addChild("child", "/a/b");
  tables.addChild("both", "/a");
  assert.deepEqual(events(tables, "nodeDeleted", "/a/b"), [
    ["both", DELETED, "/a/b"],
    ["child", DELETED, "/a/b"],
    ["both", CHILDREN, "/a"],
  ]);
  assert.equal(tables.count, 0);
});

test("a change of data is told to the data table alone", () => {
  const tables = new WatchTables<string>();
  tables.addData("d", "/a");
  tables.addChild("c", "/a");
  tables.addChild("c", "/");
  assert.deepEqual(events(tables, "nodeDataChanged", "/a"), [["d", DATA, "/a"]]);
  assert.equal(tables.count, 2);
});

test("a persistent watch stays, in both tables; a standard one beside it does not", () => {
  const tables = new WatchTables<string>();
  tables.add("p", "/a", "persistent");
  tables.addData("p", "/a");
  for (let round = 0; round < 2; round++) {
    assert.deepEqual(events(tables, "nodeDataChanged", "/a"), [["p", DATA, "/a"]]);
    assert.deepEqual(events(tables, "nodeCreated", "/a/b"), [["p", CHILDREN, "/a"]]);
    assert.deepEqual(events(tables, "nodeDeleted", "/a"), [["p", DELETED, "/a"]]);
  }
  assert.equal(tables.check("p", "/a", WATCHER_TYPE.data), false);
  assert.equal(tables.check("p", "/a", WATCHER_TYPE.persistent), true);
  assert.equal(tables.count, 2);
});

test("a recursive watch hears of every node below, once each, and never of changed children", () => {
  const tables = new WatchTables<string>();
  tables.add("r", "/a", "persistentRecursive");
  tables.addData("r", "/a/b/c");
  tables.addData("d", "/a/b");
  assert.deepEqual(events(tables, "nodeCreated", "/a/b/c"), [["r", CREATED, "/a/b/c"]]);
  assert.deepEqual(events(tables, "nodeDataChanged", "/a"), [["r", DATA, "/a"]]);
  assert.deepEqual(events(tables, "nodeDeleted", "/a/b/c"), [["r", DELETED, "/a/b/c"]]);
  assert.deepEqual(events(tables, "nodeDataChanged", "/ab"), []);
  assert.deepEqual(events(tables, "nodeDataChanged", "/"), []);
  tables.add("root", "/", "persistentRecursive");
  assert.deepEqual(events(tables, "nodeDataChanged", "/x/y"), [["root", DATA, "/x/y"]]);
  assert.deepEqual(events(tables, "nodeDataChanged", "/"), [["root", DATA, "/"]]);
  assert.deepEqual(tables.summary, { connections: 3, paths: 3, watches: 3 });
});

test("removal by type takes what it names and nothing else", () => {
  const filled = (): WatchTables<string> => {
    const tables = new WatchTables<string>();
    tables.addData("x", "/a");
    tables.addChild("x", "/a");
    tables.add("x", "/a", "persistent");
    tables.add("x", "/a", "persistentRecursive");
    tables.addData("other", "/a");
    return tables;
  };
  const { any, children, data, persistent, persistentRecursive } = WATCHER_TYPE;
  for (const type of [children, data, persistent, persistentRecursive, any]) {
    const tables = filled();
    assert.equal(tables.check("x", "/a", type), true);
    assert.equal(tables.remove("x", "/a", type), true);
    assert.equal(tables.check("x", "/a", type), false);
    assert.equal(tables.remove("x", "/a", type), false);
    const left = [children, data, persistent, persistentRecursive].filter((other) => tables.check("x", "/a", other));
    const expected = type === any ? [] : [children, data, persistent, persistentRecursive].filter((o) => o !== type);
    assert.deepEqual(left, expected);
    assert.equal(tables.check("other", "/a", data), true);
  }
  assert.equal(filled().remove("nobody", "/a", any), false);
  assert.equal(filled().remove("x", "/b", any), false);
});

test("after the last recursive watch ancestors are not told any more", () => {
  const tables = new WatchTables<string>();
  tables.add("r", "/a", "persistentRecursive");
  tables.addData("keep", "/z");
  assert.equal(tables.remove("r", "/a", WATCHER_TYPE.persistentRecursive), true);
  assert.deepEqual(events(tables, "nodeDataChanged", "/a/b"), []);
});

test("a closed connection leaves nothing behind", () => {
  const tables = new WatchTables<string>();
  for (const connection of ["x", "y"]) {
    tables.addData(connection, "/a");
    tables.addData(connection, "/b");
    tables.addChild(connection, "/a");
    tables.add(connection, "/c", "persistentRecursive");
  }
  assert.equal(tables.count, 8);
  tables.removeConnection("x");
  tables.removeConnection("nobody");
  assert.equal(tables.count, 4);
  assert.deepEqual(
    Array.from(tables.byPath(), ([path, who]) => [path, ...who]),
    [
      ["/a", "y"],
      ["/b", "y"],
      ["/c", "y"],
    ],
  );
  assert.deepEqual(
    Array.from(tables.byConnection(), ([who, paths]) => [who, ...paths]),
    [["y", "/a", "/b", "/c"]],
  );
  assert.deepEqual(tables.summary, { connections: 1, paths: 3, watches: 3 });
  tables.removeConnection("y");
  assert.deepEqual([tables.count, tables.summary], [0, { connections: 0, paths: 0, watches: 0 }]);
});

test("a thousand connections hear of one change in the order they began to watch", () => {
  const tables = new WatchTables<number>();
  for (let connection = 0; connection < 1_000; connection++) tables.addData(connection, "/a");
  const seen: number[] = [];
  tables.nodeDataChanged("/a", (connection) => seen.push(connection));
  assert.deepEqual(
    seen,
    Array.from({ length: 1_000 }, (_, index) => index),
  );
});

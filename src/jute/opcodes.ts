/** Request types (upstream: ZooDefs.OpCode). */
export const OP = {
  notification: 0,
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getACL: 6,
  setACL: 7,
  getChildren: 8,
  sync: 9,
  ping: 11,
  getChildren2: 12,
  check: 13,
  multi: 14,
  create2: 15,
  reconfig: 16,
  checkWatches: 17,
  removeWatches: 18,
  createContainer: 19,
  deleteContainer: 20,
  createTTL: 21,
  multiRead: 22,
  auth: 100,
  setWatches: 101,
  sasl: 102,
  getEphemerals: 103,
  getAllChildrenNumber: 104,
  setWatches2: 105,
  addWatch: 106,
  whoAmI: 107,
  createSession: -10,
  closeSession: -11,
  error: -1,
} as const;

export type OpName = keyof typeof OP;

const names = new Map<number, OpName>(Object.entries(OP).map(([name, code]) => [code, name as OpName]));

export function opName(code: number): OpName | undefined {
  return names.get(code);
}

/** The xids that no request of a user carries. */
export const XID = { notification: -1, ping: -2, auth: -4, setWatches: -8 } as const;

/** Flags of a create (upstream: CreateMode). */
export const CREATE_MODE = {
  persistent: 0,
  ephemeral: 1,
  persistentSequential: 2,
  ephemeralSequential: 3,
  container: 4,
  persistentWithTTL: 5,
  persistentSequentialWithTTL: 6,
} as const;

export type CreateMode = keyof typeof CREATE_MODE;

export const EVENT_TYPE = {
  none: -1,
  nodeCreated: 1,
  nodeDeleted: 2,
  nodeDataChanged: 3,
  nodeChildrenChanged: 4,
} as const;

export type EventType = keyof typeof EVENT_TYPE;

/** States carried by a watch event; a server only ever sends syncConnected. */
export const KEEPER_STATE = { disconnected: 0, syncConnected: 3, authFailed: 4, expired: -112 } as const;

export const PERMISSION = { read: 1, write: 2, create: 4, delete: 8, admin: 16, all: 31 } as const;

export const WATCH_MODE = { persistent: 0, persistentRecursive: 1 } as const;

/** What removeWatches and checkWatches act upon (upstream: Watcher.WatcherType); the last two since 3.9. */
export const WATCHER_TYPE = { children: 1, data: 2, any: 3, persistent: 4, persistentRecursive: 5 } as const;

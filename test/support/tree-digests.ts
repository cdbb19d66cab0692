import type { Zxid } from "../../src/base/zxid.js";
import { readLog } from "../../src/core/log/log-format.js";
import { Applier } from "../../src/core/request/apply.js";
import { SessionTable } from "../../src/core/session/session-table.js";
import { createFreshTree } from "../../src/core/tree/fresh.js";
import { ZnodeStore } from "../../src/core/tree/store.js";
import { withFile } from "../../src/server/storage/file-source.js";
import { listLogs, listSnapshots, openStorageFolders } from "../../src/server/storage/folders.js";
import { recover } from "../../src/server/storage/recovery.js";
import { readSnapshot } from "../../src/server/storage/snapshot-file.js";

const NOBODY = { watching: false, created: () => {}, deleted: () => {}, dataChanged: () => {} };

/** What the files of a server that has ended say of its tree. */
export interface VerifiedFiles {
  readonly lastZxid: Zxid;
  /** The digest of the tree after each transaction, as its log entry or a snapshot has it. */
  readonly digests: ReadonlyMap<Zxid, bigint>;
  /** Where they contradict each other, or the tree that is recovered from them. */
  readonly faults: readonly string[];
}

/** Recovers a server's tree as its start would, and compares it with the digest in every log entry on the way. */
export function verifyFiles(dataFolder: string): VerifiedFiles {
  const folders = openStorageFolders(dataFolder);
  const digests = new Map<Zxid, bigint>();
  const faults: string[] = [];
  const note = (zxid: Zxid, digest: bigint, where: string): void => {
    const known = digests.get(zxid);
    const own = BigInt.asUintN(64, digest);
    if (known !== undefined && known !== own)
      faults.push(`${where}: digest ${own} at zxid ${zxid}, elsewhere ${known}`);
    digests.set(zxid, own);
  };
  let store = emptyStore();
  let sessions = new SessionTable();
  let applier: Applier | undefined;
  const trees: { readonly zxid: Zxid; readonly digest: bigint }[] = [];
  const { snapshot, lastZxid } = recover(
    folders,
    {
      clear: () => {
        store = emptyStore();
        sessions = new SessionTable();
      },
      session: (id, timeoutMs) => sessions.put(id, timeoutMs),
      acl: (id, acl) => store.acls.load(id, acl),
      load: (path, data, aclId, stat) => store.load(path, data, aclId, stat),
      apply: ({ zxid, time, clientId }, transaction) => {
        if (applier === undefined && store.nodeCount === 0) createFreshTree(store);
        applier ??= new Applier(store, sessions, NOBODY, undefined);
        applier.apply(transaction, { zxid, timeMs: time, sessionId: clientId });
        trees.push({ zxid, digest: store.treeDigest });
      },
    },
    { trustEmptySnapshot: false, notice: () => {} },
  );
  trees.push({ zxid: lastZxid, digest: store.treeDigest });
  for (const { path } of listLogs(folders.logs)) {
    withFile(path, (source) =>
      readLog(source, ({ header, digest }) => {
        if (digest === undefined) faults.push(`${path}: no digest at zxid ${header.zxid}`);
        else note(header.zxid, digest.treeDigest, path);
      }),
    );
  }
  for (const file of listSnapshots(folders.snapshots)) {
    const { digest } = readSnapshot(file, { session: () => {}, acl: () => {}, load: () => {} });
    if (typeof digest?.digest === "bigint") note(digest.zxid, digest.digest, file.path);
    else faults.push(`${file.path}: no digest`);
  }
  // A fuzzy snapshot is the tree of one transaction only from the last on that it may show something of.
  const exactFrom = snapshot?.digest?.zxid ?? 0;
  if (exactFrom > lastZxid) faults.push(`the newest snapshot shows zxid ${exactFrom}, the log ends at ${lastZxid}`);
  for (const { zxid, digest } of trees) {
    const recorded = digests.get(zxid);
    if (zxid >= exactFrom && recorded !== digest) {
      faults.push(`the recovered tree has digest ${digest} at zxid ${zxid}, its record says ${recorded}`);
    }
  }
  return { lastZxid, digests, faults: faults.map((fault) => `${dataFolder}: ${fault}`) };
}

function emptyStore(): ZnodeStore {
  return ZnodeStore.create({ arenaBytesMax: 2 ** 31, extendedTypesEnabled: false, readersMax: 1, hashSeed: 1 });
}

/** Where the files of several servers say different things of the same transaction. */
export function contradictions(servers: readonly VerifiedFiles[]): string[] {
  const all = new Map<Zxid, bigint>();
  const found: string[] = [];
  for (const [index, { digests }] of servers.entries()) {
    for (const [zxid, digest] of digests) {
      const known = all.get(zxid);
      if (known !== undefined && known !== digest) found.push(`server ${index + 1}: another tree at zxid ${zxid}`);
      all.set(zxid, digest);
    }
  }
  return found;
}

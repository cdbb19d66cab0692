import type { MemberStorage } from "../../core/command-runner.js";
import type { Broadcast } from "../../core/member-core.js";
import type { CommandBody, LogEntry } from "../../core/zab/effects.js";

/** `onPropose` hears of every proposal on its way. */
export function observedBroadcast(broadcast: Broadcast, onPropose: (entry: LogEntry) => void): Broadcast {
  return {
    get isServing() {
      return broadcast.isServing;
    },
    get nextZxid() {
      return broadcast.nextZxid;
    },
    propose: (entry) => {
      onPropose(entry);
      broadcast.propose(entry);
    },
    forward: (request) => broadcast.forward(request),
    sync: (request) => broadcast.sync(request),
    touch: (sessionId, timeoutMs) => broadcast.touch(sessionId, timeoutMs),
    revalidate: (sessionId, timeoutMs) => broadcast.revalidate(sessionId, timeoutMs),
    answerRevalidation: (connection, sessionId, valid) => broadcast.answerRevalidation(connection, sessionId, valid),
  };
}

/** `onBegin` hears of every command for the disk as it is begun. */
export function observedStorage(storage: MemberStorage, onBegin: (command: CommandBody) => void): MemberStorage {
  return {
    append: (entries) => {
      onBegin({ kind: "append", entries });
      storage.append(entries);
    },
    writeEpoch: (kind, epoch, done) => {
      onBegin({ kind, epoch });
      storage.writeEpoch(kind, epoch, done);
    },
    truncate: (zxid, reload, done) => {
      onBegin({ kind: "truncate", zxid });
      storage.truncate(zxid, reload, done);
    },
    install: (zxid, connection, done) => {
      onBegin({ kind: "install", zxid, connection });
      storage.install(zxid, connection, done);
    },
    dropImage: (connection) => storage.dropImage(connection),
  };
}

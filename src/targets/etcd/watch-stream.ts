import type { ByteWriter } from "../../base/bytes.js";
import { RingBuffer } from "../../base/ring.js";
import { STATUS, statusName } from "./errors.js";
import type { CallHandler, GrpcConnection } from "./grpc.js";
import { METHODS, WatchCreateRequest, WatchRequest, WatchResponse, type WatchResponseMessage } from "./messages.js";

/** Who watches one key, or a range of them. */
export interface Watcher {
  readonly key: Buffer;
  /** Where left out, `key` alone is watched. */
  readonly rangeEnd?: Buffer;
  /** The first revision wanted; 0 is what follows the creation of the watch. */
  readonly startRevision: number;
  /** The watch is there, and the history stands at `revision`: what follows is reported. */
  created(revision: number): void;
  changed(response: WatchResponseMessage): void;
  /** Part of what was wanted is no longer in etcd's history, and the watch has ended. */
  compacted(): void;
  /** The watch has ended, or was refused. */
  refused(reason: string): void;
}

/** Many watches on one stream of one connection. */
export class WatchStream implements CallHandler {
  private readonly grpc: GrpcConnection;
  private readonly cell: number;
  private readonly onEnded: (reason: string) => void;
  /** Answers to creations come in the order of the requests. */
  private readonly creating = new RingBuffer<Watcher>();
  private readonly watchers = new Map<number, Watcher>();
  private readonly unwanted = new Set<Watcher>();
  private over = false;

  /** `onEnded` is called if the server, or the loss of the connection, ends the stream; the watchers hear nothing. */
  constructor(grpc: GrpcConnection, onEnded: (reason: string) => void) {
    this.grpc = grpc;
    this.onEnded = onEnded;
    this.cell = grpc.openStream(METHODS.watch, this, 0);
  }

  create(watcher: Watcher): void {
    if (this.over) return;
    this.creating.push(watcher);
    const { key, rangeEnd, startRevision } = watcher;
    const range = rangeEnd === undefined ? { key } : { key, rangeEnd };
    const request = WatchRequest.make({ createRequest: WatchCreateRequest.make({ ...range, startRevision }) });
    this.grpc.send(this.cell, (writer) => WatchRequest.encode(writer, request));
  }

  /** The watcher hears nothing more. */
  cancel(watcher: Watcher): void {
    if (this.over) return;
    for (const [watchId, other] of this.watchers) {
      if (other !== watcher) continue;
      this.watchers.delete(watchId);
      this.cancelId(watchId);
      return;
    }
    for (const other of this.creating) if (other === watcher) this.unwanted.add(watcher);
  }

  // -- the call

  writeRequest(_tag: number, _writer: ByteWriter): void {}

  message(_tag: number, bytes: Buffer, start: number, end: number): void {
    const response = WatchResponse.decode(bytes, start, end);
    if (response.created) this.handleCreated(response);
    else if (response.canceled) this.handleCanceled(response);
    else this.watchers.get(response.watchId)?.changed(response);
  }

  ended(_tag: number, status: number, message: string): void {
    this.over = true;
    this.onEnded(`${statusName(status === STATUS.ok ? STATUS.unavailable : status)}: ${message}`);
  }

  private handleCreated(response: WatchResponseMessage): void {
    const watcher = this.creating.shift();
    if (watcher === undefined) return;
    const wanted = !this.unwanted.delete(watcher);
    if (response.canceled) {
      if (wanted) watcher.refused(response.cancelReason);
    } else if (wanted) {
      this.watchers.set(response.watchId, watcher);
      watcher.created(response.header?.revision ?? 0);
    } else {
      this.cancelId(response.watchId);
    }
  }

  private handleCanceled(response: WatchResponseMessage): void {
    const watcher = this.watchers.get(response.watchId);
    this.watchers.delete(response.watchId);
    if (response.compactRevision > 0) watcher?.compacted();
    else watcher?.refused(response.cancelReason);
  }

  private cancelId(watchId: number): void {
    const request = WatchRequest.make({ cancelRequest: { watchId } });
    this.grpc.send(this.cell, (writer) => WatchRequest.encode(writer, request));
  }
}

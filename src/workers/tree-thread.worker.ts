import { parentPort } from "node:worker_threads";
import { assert } from "../base/assert.js";
import { encodeImage, encodeSnapshot, type SnapshotContent, type SnapshotDigest } from "../core/log/snapshot-format.js";
import { ZnodeReader } from "../core/tree/reader.js";
import type { TreeReply, TreeRequest } from "./tree-thread.messages.js";

interface Job {
  readonly reader: ZnodeReader;
  readonly chunks: Generator<Buffer, void, undefined>;
  digest: SnapshotDigest | undefined;
}

const port = parentPort;
assert(port !== null, "this file is a worker's");
const jobs = new Map<number, Job>();

function begin({ job: id, format, chunkBytes, shared, readerIndex, sessions, acls }: TreeRequest & { kind: "begin" }) {
  const reader = new ZnodeReader(shared, readerIndex);
  const content: SnapshotContent = {
    sessions,
    acls,
    writeNodes: (writer) => reader.writeNodes(writer),
    digest: () => jobs.get(id)?.digest,
  };
  const encode = format === "snapshot" ? encodeSnapshot : encodeImage;
  jobs.set(id, { reader, chunks: encode(content, chunkBytes), digest: undefined });
}

/** Holds no reference into the tree while it waits to be asked for more. */
function next(job: Job, digest: SnapshotDigest): Uint8Array<ArrayBuffer> | undefined {
  job.digest = digest;
  try {
    const step = job.chunks.next();
    // A copy of its own, since it goes to the other thread as it is.
    return step.done === true ? undefined : new Uint8Array(step.value);
  } finally {
    job.reader.quiesce();
  }
}

function end(id: number): void {
  jobs.get(id)?.reader.unregister();
  jobs.delete(id);
}

port.on("message", (request: TreeRequest) => {
  switch (request.kind) {
    case "begin":
      begin(request);
      return;
    case "end":
      end(request.job);
      return;
    case "next": {
      const job = jobs.get(request.job);
      assert(job !== undefined, "a job is begun before it is gone on with");
      let reply: TreeReply;
      try {
        reply = { job: request.job, chunk: next(job, request.digest), failed: undefined };
      } catch (error) {
        reply = { job: request.job, chunk: undefined, failed: (error as Error).stack ?? String(error) };
      }
      port.postMessage(reply, reply.chunk === undefined ? [] : [reply.chunk.buffer]);
    }
  }
});

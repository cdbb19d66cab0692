import { MessageChannel, type MessagePort } from "node:worker_threads";
import { Piscina } from "piscina";
import type { LoadJob, LoadReport, LoadSpan, SecondBatch } from "./load.js";
import type { LoadCommand, LoadNews, LoadReply, LoadTask, RemoteError } from "./load-messages.js";

/** A load worker could not do what it was told. */
export class LoadError extends Error {
  override readonly name = "LoadError";
  /** The target's own name of the failure: "CONNECTIONLOSS". */
  readonly failure: string;
  readonly remoteStack: string | undefined;

  constructor(remote: RemoteError) {
    super(remote.message);
    this.failure = remote.failure;
    this.remoteStack = remote.stack;
  }
}

/**
 * The main side of the load workers: as many threads as asked for, each with one task for the whole run, so that no worker
 * ever blocks its event loop between tasks while its sessions want their pings.
 */
export class LoadPool {
  readonly workers: number;
  private readonly pool: Piscina<LoadTask, void>;
  private readonly ports: MessagePort[] = [];
  /** Rejects as soon as any worker has ended by an error of its own. */
  private readonly broken: Promise<never>;

  constructor(workers: number) {
    this.workers = workers;
    this.pool = new Piscina<LoadTask, void>({
      filename: new URL("./load-thread.js", import.meta.url).href,
      minThreads: workers,
      maxThreads: workers,
      concurrentTasksPerWorker: 1,
      atomics: "disabled",
    });
    const ended: Promise<void>[] = [];
    for (let worker = 0; worker < workers; worker++) {
      const { port1, port2 } = new MessageChannel();
      this.ports.push(port1);
      ended.push(this.pool.run({ worker, port: port2 }, { transferList: [port2] }));
    }
    this.broken = new Promise((_, reject) => {
      for (const end of ended) end.catch(reject);
    });
    this.broken.catch(() => undefined);
  }

  /** Creates the root and the keys of a job, by one worker. Throws LoadError. */
  async populate(job: LoadJob): Promise<void> {
    await this.one({ kind: "populate", job });
  }

  /** Removes the root of a job and all below it, by one worker. Throws LoadError. */
  async remove(job: LoadJob): Promise<void> {
    await this.one({ kind: "remove", job });
  }

  /** Opens the sessions of a job. Throws LoadError where a session cannot be opened. */
  async open(job: LoadJob): Promise<void> {
    await this.all({ kind: "open", job });
  }

  /** Runs a window on the open job; `onSecond` is told of each worker's seconds as they end. One report per worker. */
  async run(span: LoadSpan, onSecond: (worker: number, batch: SecondBatch) => void): Promise<LoadReport[]> {
    const replies = await this.all({ kind: "run", span }, onSecond);
    return replies.map((reply) => {
      if (reply.kind !== "ran") throw new Error(`expected 'ran', got '${reply.kind}'`);
      return reply.report;
    });
  }

  /** Ends the running window now; its `run` resolves after at most `drainMs`. */
  endNow(drainMs: number): void {
    for (const port of this.ports) port.postMessage({ kind: "endNow", drainMs } satisfies LoadCommand);
  }

  async close(): Promise<void> {
    await this.all({ kind: "close" });
  }

  /** Ends the threads, whatever they are doing. */
  async destroy(): Promise<void> {
    for (const port of this.ports) {
      port.postMessage({ kind: "exit" } satisfies LoadCommand);
      port.close();
    }
    await this.pool.destroy();
  }

  private async one(command: LoadCommand): Promise<void> {
    const reply = await Promise.race([this.ask(this.ports[0] as MessagePort, command), this.broken]);
    if (reply.kind === "failed") throw new LoadError(reply.error);
  }

  /** Every worker is asked, and every one has answered, before a failure of one is thrown. */
  private async all(
    command: LoadCommand,
    onSecond?: (worker: number, batch: SecondBatch) => void,
  ): Promise<LoadReply[]> {
    const asked = this.ports.map((port, worker) => this.ask(port, command, (batch) => onSecond?.(worker, batch)));
    const replies = await Promise.race([Promise.all(asked), this.broken]);
    for (const reply of replies) if (reply.kind === "failed") throw new LoadError(reply.error);
    return replies;
  }

  private ask(port: MessagePort, command: LoadCommand, onSecond?: (batch: SecondBatch) => void): Promise<LoadReply> {
    return new Promise((resolve) => {
      const hear = (message: LoadReply | LoadNews): void => {
        if (message.kind === "second") {
          onSecond?.(message.batch);
          return;
        }
        port.off("message", hear);
        resolve(message);
      };
      port.on("message", hear);
      port.postMessage(command);
    });
  }
}

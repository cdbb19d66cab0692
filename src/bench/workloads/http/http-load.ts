import autocannon from "autocannon";
import { assert } from "../../../base/assert.js";
import { randomBelow, randomFraction } from "../../../base/random.js";
import type { TargetDriver } from "../../../targets/driver.js";
import type { Address } from "../../../targets/target.js";
import { LoadShared, type WorkerCounters } from "../../../workers/load-shared.js";
import { nowMicros } from "../../load/clock.js";
import { failureName } from "../../load/failure.js";
import type { Load, LoadJob, LoadReport, LoadWindow } from "../../load/load.js";
import { openAll, ownConnections, sleepUntil } from "../../load/opening.js";
import { SessionWindow } from "../../load/session-window.js";
import { operationSource } from "../../load/streams.js";
import { Tally } from "../../load/tally.js";
import type { HttpOperation, HttpWorkload } from "../../profile/profile.js";
import { dialectOf, type HttpDialect, httpOperations, isRead, keyOf, storedValue } from "./dialect.js";

/** A connection goes round a list of requests, built before they are timed: one built for each costs as much as sending it. */
const REQUESTS_PER_CONNECTION_MAX = 128;
const REQUESTS_PER_CONNECTION_MIN = 16;
/** What the lists of one worker may take. */
const REQUESTS_BYTES_MAX = 64 << 20;
/** What a request takes beside its value, and how much longer base64 makes that, at the most. */
const REQUEST_HEAD_BYTES = 512;
const ENCODED_SHARE = 1.5;
/** Every so many reads of the list have their answer compared: autocannon takes it apart again for each that is looked at. */
const READS_PER_CHECK = 8;
const TIMEOUT_SECONDS = 10;
/** How often autocannon looks whether it is to stop. */
const SAMPLE_MS = 50;
const UNLIMITED_SECONDS = 1_000_000;

/** A request of a list; autocannon keeps it as it is and adds what it sends. */
interface ListedRequest extends autocannon.Request {
  readonly operation: number;
}

/** What autocannon tells of a connection beyond its types: the `request` that leaves, and what went wrong. */
interface ClientEvents {
  on(event: "request", listener: () => void): void;
  on(event: "response", listener: (status: number, bytes: number, milliseconds: number) => void): void;
  on(event: "connError", listener: (error: Error) => void): void;
  on(event: "timeout", listener: () => void): void;
}

/** Where connection `index` sends its requests. */
function originOf(http: readonly Address[], index: number): string {
  const { host, port } = http[index % http.length]!;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** A closed loop over HTTP: latency counts from the send, as autocannon takes it. */
export class HttpLoad implements Load {
  private readonly job: LoadJob;
  private readonly workload: HttpWorkload;
  private readonly dialect: HttpDialect;
  private readonly operations: readonly HttpOperation[];
  private readonly own: readonly number[];
  private readonly worker: number;
  private readonly counters: WorkerCounters;
  private window: SessionWindow | undefined;

  constructor(job: LoadJob, driver: TargetDriver, worker: number) {
    const { workload } = job;
    assert(workload.kind === "http", "an HTTP load is for an HTTP workload");
    assert(job.http.length > 0, "the target serves HTTP, or the run was refused");
    this.job = job;
    this.workload = workload;
    this.worker = worker;
    this.dialect = dialectOf(driver.target);
    this.operations = httpOperations(workload.operations);
    this.own = ownConnections(job, worker);
    this.counters = new LoadShared(job.workers, 0, job.shared).counters(worker);
  }

  /** Writes this worker's share of the values. */
  async open(): Promise<void> {
    const { job } = this;
    const share = Array.from({ length: job.httpKeys }, (_, key) => key).filter(
      (key) => key % job.workers === this.worker,
    );
    await openAll(share, async (key) => {
      const { method, path, headers, body } = this.dialect.request(
        "write",
        keyOf(job.root, key),
        storedValue(key, job.valueBytes),
      );
      const answer = await fetch(`${originOf(job.http, 0)}${path}`, { method, headers, body });
      const text = await answer.text();
      if (!answer.ok) throw Object.assign(new Error(`${path}: ${text}`), { code: statusName(answer.status) });
    });
    for (const _ of this.own) this.counters.addConnected(1);
  }

  async run(range: LoadWindow): Promise<LoadReport> {
    const window = new SessionWindow(this.operations, range);
    this.window = window;
    const tally = new Tally("http-values");
    const lists = this.own.map((index) => this.requestsOf(index, tally));
    const lanes: Lane[] = [];
    let busy = this.own.length;
    let finish = (): void => {};
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    await sleepUntil(range.startMicros);
    let load: autocannon.Instance | undefined;
    const ended = new Promise<void>((resolve, reject) => {
      if (this.own.length === 0) {
        finish();
        resolve();
        return;
      }
      const setupClient = (client: autocannon.Client): void => {
        const list = lists[lanes.length]!;
        client.setRequests(list);
        const idle = (): void => {
          busy--;
          if (busy === 0) finish();
        };
        lanes.push(new Lane(client as unknown as ClientEvents, list, window, this.counters, idle));
      };
      load = autocannon(
        {
          // One for each connection, in their order; its types know of one for all only.
          url: this.own.map((index) => originOf(this.job.http, index)) as unknown as string,
          connections: this.own.length,
          duration: UNLIMITED_SECONDS,
          timeout: TIMEOUT_SECONDS,
          sampleInt: SAMPLE_MS,
          setupClient,
        },
        (error) => (error ? reject(error) : resolve()),
      );
    });
    const used = await window.drained(Promise.race([finished, ended.then(() => finished)]));
    for (const lane of lanes) lane.giveUp();
    load?.stop?.();
    await ended;
    this.window = undefined;
    return {
      operations: window.finish(),
      sendLag: undefined,
      ...used,
      // Without reads there is nothing to compare.
      checks: this.operations.some((name) => name !== "write") ? [tally.report()] : [],
      figures: {},
      disconnects: lanes.reduce((sum, lane) => sum + lane.disconnects, 0),
      sessionsLost: 0,
    };
  }

  endNow(drainMs: number): void {
    this.window?.endNow(drainMs);
  }

  async close(): Promise<void> {}

  /** Drawn by the seed and the connection alone. */
  private requestsOf(index: number, tally: Tally): ListedRequest[] {
    const { job, dialect, operations, workload } = this;
    const random = operationSource(job.seed, index);
    const weights = operations.map((name) => workload.operations[name]!);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const bytesEach = REQUEST_HEAD_BYTES + job.valueBytes * ENCODED_SHARE;
    const fitting = Math.floor(REQUESTS_BYTES_MAX / (this.own.length * bytesEach));
    const length = Math.max(REQUESTS_PER_CONNECTION_MIN, Math.min(REQUESTS_PER_CONNECTION_MAX, fitting));
    return Array.from({ length }, (_, at): ListedRequest => {
      let left = randomFraction(random) * total;
      const drawn = weights.findIndex((weight) => {
        left -= weight;
        return left < 0;
      });
      const operation = drawn === -1 ? operations.length - 1 : drawn;
      const name = operations[operation]!;
      const key = randomBelow(random, job.httpKeys);
      const value = storedValue(key, job.valueBytes);
      const { method, path, headers, body } = dialect.request(name, keyOf(job.root, key), value);
      const request = { method, path, headers: { ...headers }, body, operation };
      if (!isRead(name) || at % READS_PER_CHECK !== 0) return request;
      return {
        ...request,
        onResponse: (status, answer) => {
          if (!isSuccess(status)) return;
          tally.observations++;
          const read = dialect.valueOf(answer);
          if (read !== value)
            tally.violated(`${name} of ${path}: '${read?.slice(0, 40)}' is not the value that was written`);
        },
      };
    });
  }
}

function isSuccess(status: number): boolean {
  return status >= 200 && status <= 299;
}

function statusName(status: number): string {
  return `HTTP_${status}`;
}

/** One connection: what it has under way, and what became of it. */
class Lane {
  disconnects = 0;
  private readonly list: readonly ListedRequest[];
  private readonly window: SessionWindow;
  private readonly counters: WorkerCounters;
  private readonly idle: () => void;
  private sent = 0;
  private operation = 0;
  private startedMicros = 0;
  private outstanding = false;
  /** What it asks for now came after the end. */
  private late = false;

  constructor(
    client: ClientEvents,
    list: readonly ListedRequest[],
    window: SessionWindow,
    counters: WorkerCounters,
    idle: () => void,
  ) {
    this.list = list;
    this.window = window;
    this.counters = counters;
    this.idle = idle;
    client.on("request", () => this.began());
    client.on("response", (status, _bytes, milliseconds) => this.answered(status, milliseconds));
    client.on("connError", (error) => this.lost(failureName(error)));
    client.on("timeout", () => this.lost("TIMEOUT"));
  }

  /** What is still under way will not be answered any more. */
  giveUp(): void {
    if (!this.late) this.fail("UNANSWERED");
    this.late = true;
  }

  private began(): void {
    if (this.late) return;
    // The connection ended, and autocannon went on with the next request on another.
    if (this.outstanding) this.lost("CONNECTIONLOSS");
    if (this.window.over) {
      this.late = true;
      this.idle();
      return;
    }
    this.operation = this.list[this.sent % this.list.length]!.operation;
    this.sent++;
    this.startedMicros = nowMicros();
    this.outstanding = true;
  }

  private answered(status: number, milliseconds: number): void {
    if (this.late || !this.outstanding) return;
    if (!isSuccess(status)) {
      this.fail(statusName(status));
      return;
    }
    this.outstanding = false;
    const now = nowMicros();
    const started = now - milliseconds * 1_000;
    this.counters.complete(milliseconds * 1_000);
    this.window.recorder.succeeded(this.operation, started, started, now);
  }

  private lost(name: string): void {
    if (!this.late) this.disconnects++;
    this.fail(name);
  }

  private fail(name: string): void {
    if (this.late || !this.outstanding) return;
    this.outstanding = false;
    this.counters.fail();
    this.window.recorder.failed(this.operation, name, this.startedMicros, nowMicros());
  }
}

import type autocannon from "autocannon";
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
import type { HttpOperation, HttpWorkload } from "../../profile/profile.js";
import { dialectOf, type HttpAnswer, type HttpDialect, httpOperations, isRead, keyOf } from "./dialect.js";
import { HttpChecks } from "./http-checks.js";
import { INITIAL_WRITER, SEQUENCE_AT, type Stamp, sequenceText, stampedValue, stampText } from "./stamped-value.js";

/** A connection goes round a list of requests, built before they are timed: one built for each costs as much as sending it. */
const REQUESTS_PER_CONNECTION_MAX = 128;
const REQUESTS_PER_CONNECTION_MIN = 16;
/** What the lists of one worker may take. */
const REQUESTS_BYTES_MAX = 64 << 20;
/** What a request takes beside its value, and how much longer base64 makes that, at the most. */
const REQUEST_HEAD_BYTES = 512;
const ENCODED_SHARE = 1.5;
/** What one worker reads back at the end of a round, spread over what it wrote: as many take a second or two. */
const READ_BACK_KEYS_MAX = 10_000;
const TIMEOUT_SECONDS = 10;
const NOT_FOUND = 404;
/** The code that `fetch` has for a connection that ended before its answer did. */
const ENDED_BY_SERVER = "UND_ERR_SOCKET";
/** How often autocannon looks whether it is to stop. */
const SAMPLE_MS = 50;
const UNLIMITED_SECONDS = 1_000_000;

/** A request of a list; autocannon keeps it as it is and adds what it sends. */
interface ListedRequest extends autocannon.Request {
  readonly operation: number;
  readonly key: number;
  /** As it goes out, once autocannon has it. */
  requestBuffer?: Buffer;
  /** Where the digits of a write's sequence number stand in `requestBuffer`. */
  sequenceAt?: number;
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
  private readonly checks: HttpChecks;
  private startLoad: typeof autocannon | undefined;
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
    const shared = new LoadShared(job.workers, 0, job.shared);
    this.counters = shared.counters(worker);
    this.checks = new HttpChecks(shared, worker, workload, this.dialect, job.httpKeys, job.valueBytes);
  }

  /** Writes this worker's share of the values, and has every server know them. */
  async open(): Promise<void> {
    const { job, checks } = this;
    // Workers of every kind of workload import this file, and autocannon takes its time.
    this.startLoad = (await import("autocannon")).default;
    const share = Array.from({ length: job.httpKeys }, (_, key) => key).filter(
      (key) => key % job.workers === this.worker,
    );
    await openAll(share, async (key) => {
      const stamp: Stamp = { key, writer: INITIAL_WRITER, sequence: 0 };
      const answer = await this.ask("write", key, 0, stampedValue(stamp, job.valueBytes));
      if (answer !== undefined) checks.wrote(stamp, answer.position);
    });
    const known = share[0];
    if (known !== undefined) {
      await openAll([...job.http.keys()], async (server) => void (await this.ask("readLinearizable", known, server)));
    }
    for (const _ of this.own) this.counters.addConnected(1);
  }

  /** One request beside the load. Undefined where the answer says nothing; throws where it is none of success. */
  private async ask(
    operation: HttpOperation,
    key: number,
    server: number,
    value = "",
  ): Promise<HttpAnswer | undefined> {
    const { job, dialect } = this;
    const { method, path, headers, body } = dialect.request(operation, keyOf(job.root, key), value);
    const exchange = async (): Promise<{ readonly answer: Response; readonly text: string }> => {
      const answer = await fetch(`${originOf(job.http, server)}${path}`, {
        method,
        headers,
        ...(method === "GET" ? {} : { body }),
        signal: AbortSignal.timeout(TIMEOUT_SECONDS * 1_000),
      });
      return { answer, text: await answer.text() };
    };
    const { answer, text } = await exchange().catch((error: unknown) => {
      throw exchangeError(`${method} ${path}`, error);
    });
    if (!answer.ok) throw Object.assign(new Error(`${path}: ${text}`), { code: statusName(answer.status) });
    return dialect.answerOf(operation, text, (name) => answer.headers.get(name));
  }

  /** Compares what was written with what is there. What cannot be read is not judged. */
  private async readBack(): Promise<void> {
    const { checks } = this;
    const written = checks.writtenKeys();
    const step = Math.max(1, Math.ceil(written.length / READ_BACK_KEYS_MAX));
    const chosen = written.filter((_, index) => index % step === 0);
    let lost = false;
    await openAll(chosen, async (key) => {
      if (lost) return;
      try {
        checks.readBack(key, await this.ask("readLinearizable", key, key));
      } catch (error) {
        if (failureName(error) === statusName(NOT_FOUND)) checks.readBack(key, undefined);
        // With the server gone, each of thousands would take its time to fail.
        else lost = true;
      }
    });
  }

  async run(range: LoadWindow): Promise<LoadReport> {
    const { startLoad } = this;
    assert(startLoad !== undefined, "it is opened before it runs");
    const window = new SessionWindow(this.operations, range);
    this.window = window;
    const lists = this.own.map((index) => this.requestsOf(index));
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
        const connection = this.own[lanes.length]!;
        const list = lists[lanes.length]!;
        const idle = (): void => {
          busy--;
          if (busy === 0) finish();
        };
        const { operations, dialect, checks, counters } = this;
        const lane = new Lane({ connection, list, operations, dialect, checks, window, counters, idle });
        lanes.push(lane);
        lane.attach(client);
      };
      load = startLoad(
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
    if (!window.isWarmUp && this.operations.includes("write")) await this.readBack();
    return {
      operations: window.finish(),
      sendLag: undefined,
      ...used,
      checks: this.checks.report(),
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
  private requestsOf(index: number): ListedRequest[] {
    const { job, dialect, operations, workload } = this;
    const random = operationSource(job.seed, index);
    const weights = operations.map((name) => workload.operations[name]!);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const bytesEach = REQUEST_HEAD_BYTES + job.valueBytes * ENCODED_SHARE;
    const fitting = Math.floor(REQUESTS_BYTES_MAX / (this.own.length * bytesEach));
    const length = Math.max(REQUESTS_PER_CONNECTION_MIN, Math.min(REQUESTS_PER_CONNECTION_MAX, fitting));
    return Array.from({ length }, (): ListedRequest => {
      let left = randomFraction(random) * total;
      const drawn = weights.findIndex((weight) => {
        left -= weight;
        return left < 0;
      });
      const operation = drawn === -1 ? operations.length - 1 : drawn;
      const name = operations[operation]!;
      const key = randomBelow(random, job.httpKeys);
      const value = isRead(name) ? "" : stampedValue({ key, writer: index, sequence: 0 }, job.valueBytes);
      const { method, path, headers, body } = dialect.request(name, keyOf(job.root, key), value);
      return { method, path, headers: { ...headers }, body, operation, key };
    });
  }
}

/** What went wrong with an exchange: `fetch` says no more than that it failed, or was terminated; its cause says why. */
function exchangeError(what: string, error: unknown): Error {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const name = failureName(cause);
  const code = name === ENDED_BY_SERVER ? "CONNECTIONLOSS" : name;
  const why = cause instanceof Error ? cause.message : "";
  return Object.assign(new Error(why === "" ? what : `${what}: ${why}`, { cause: error }), { code });
}

function isSuccess(status: number): boolean {
  return status >= 200 && status <= 299;
}

function statusName(status: number): string {
  return `HTTP_${status}`;
}

interface LaneParts {
  /** Its number in the run. */
  readonly connection: number;
  readonly list: readonly ListedRequest[];
  readonly operations: readonly HttpOperation[];
  readonly dialect: HttpDialect;
  readonly checks: HttpChecks;
  readonly window: SessionWindow;
  readonly counters: WorkerCounters;
  /** Its last request was answered, and it has no more. */
  readonly idle: () => void;
}

/** One connection: what it has under way, and what became of it. */
class Lane {
  disconnects = 0;
  private readonly parts: LaneParts;
  private sent = 0;
  /** Of its writes. */
  private sequence = 0;
  private request: ListedRequest;
  private startedMicros = 0;
  private outstanding = false;
  /** What it asks for now came after the end. */
  private late = false;
  /** How far in history it has been shown to be, on the connection as it is now. */
  private shown = 0;
  private floor = 0;

  constructor(parts: LaneParts) {
    this.parts = parts;
    this.request = parts.list[0]!;
  }

  attach(client: autocannon.Client): void {
    const { list, connection, operations, dialect } = this.parts;
    for (const request of list) {
      request.onResponse = (status, body, _context, headers) =>
        this.judge(status, body, headers as Readonly<Record<string, string>>);
    }
    client.setRequests([...list]);
    for (const request of list) {
      if (isRead(operations[request.operation]!)) continue;
      const stamp = dialect.encode(stampText({ key: request.key, writer: connection, sequence: 0 }));
      const at = request.requestBuffer?.indexOf(stamp) ?? -1;
      assert(at !== -1, "a write is sent with the value it was made with");
      request.sequenceAt = at + dialect.encode("0".repeat(SEQUENCE_AT)).length;
    }
    const events = client as unknown as ClientEvents;
    events.on("request", () => this.began());
    events.on("response", (status) => this.answered(status));
    events.on("connError", (error) => this.lost(failureName(error)));
    events.on("timeout", () => this.lost("TIMEOUT"));
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
    const { window, list, checks, dialect, idle } = this.parts;
    if (window.over) {
      this.late = true;
      idle();
      return;
    }
    const request = list[this.sent % list.length]!;
    this.request = request;
    this.sent++;
    if (request.sequenceAt !== undefined) {
      // The request before it was answered, or its connection is gone: nobody sends from these bytes any more.
      request.requestBuffer!.write(dialect.encode(sequenceText(++this.sequence)), request.sequenceAt, "latin1");
    }
    this.floor = checks.floor();
    this.startedMicros = nowMicros();
    this.outstanding = true;
  }

  /** Before `answered` of the same answer. */
  private judge(status: number, body: string, headers: Readonly<Record<string, string>>): void {
    if (this.late || !this.outstanding || !isSuccess(status)) return;
    const { connection, operations, dialect, checks } = this.parts;
    const { operation, key } = this.request;
    const name = operations[operation]!;
    const answer = dialect.answerOf(name, body, (header) => headerOf(headers, header));
    if (answer === undefined) {
      checks.unintelligible(connection, key);
      return;
    }
    const { shown, floor } = this;
    const asked = { connection, key, shown, floor };
    if (isRead(name)) checks.answeredRead(asked, name === "readLinearizable", answer);
    else checks.answeredWrite(asked, this.sequence, answer);
    this.shown = Math.max(shown, answer.position);
  }

  private answered(status: number): void {
    if (this.late || !this.outstanding) return;
    if (!isSuccess(status)) {
      this.fail(statusName(status));
      return;
    }
    this.outstanding = false;
    const { counters, window } = this.parts;
    const { startedMicros } = this;
    const now = nowMicros();
    counters.complete(now - startedMicros);
    window.recorder.succeeded(this.request.operation, startedMicros, startedMicros, now);
  }

  private lost(name: string): void {
    // Another connection, which begins with a history of its own.
    this.shown = 0;
    if (!this.late) this.disconnects++;
    this.fail(name);
  }

  private fail(name: string): void {
    if (this.late || !this.outstanding) return;
    this.outstanding = false;
    const { counters, window } = this.parts;
    counters.fail();
    window.recorder.failed(this.request.operation, name, this.startedMicros, nowMicros());
  }
}

/** Names come as the server wrote them. */
function headerOf(headers: Readonly<Record<string, string>>, name: string): string | null {
  const found = headers[name];
  if (found !== undefined) return found;
  for (const [given, value] of Object.entries(headers)) if (given.toLowerCase() === name) return value;
  return null;
}

import { createHistogram, type Histogram, packHistogram } from "../histogram.js";
import type { LoadSpan, OperationReport, SecondReport, SecondSink } from "./load.js";

const SECOND_MICROS = 1_000_000;

/**
 * Counts and times what one worker's operations of one name did. Each operation is recorded once, into the histogram of
 * its second; a second that is over is added to the total and given away, so that nothing here grows with the run.
 */
class OperationRecorder {
  readonly name: string;
  ok = 0;
  okInWindow = 0;
  answeredInWindow = 0;
  backlogAtStart = 0;
  backlogAtEnd = 0;
  readonly errors: Record<string, number> = {};
  readonly latency: Histogram = createHistogram();
  readonly service: Histogram | undefined;
  secondOk = 0;
  secondErrors = 0;
  private readonly totalLatency: Histogram = createHistogram();
  private readonly totalService: Histogram | undefined;

  constructor(name: string, withService: boolean) {
    this.name = name;
    this.service = withService ? createHistogram() : undefined;
    this.totalService = withService ? createHistogram() : undefined;
  }

  /** Undefined where nothing ended in that second. */
  endSecond(second: number): SecondReport | undefined {
    const { secondOk: ok, secondErrors: errors } = this;
    if (ok === 0 && errors === 0) return undefined;
    const latency = ok > 0 ? packHistogram(this.latency) : undefined;
    if (ok > 0) {
      this.totalLatency.add(this.latency);
      this.latency.reset();
      if (this.service !== undefined) {
        this.totalService?.add(this.service);
        this.service.reset();
      }
    }
    this.secondOk = 0;
    this.secondErrors = 0;
    return { second, operation: this.name, ok, errors, latency };
  }

  report(): OperationReport {
    const { name, ok, okInWindow, answeredInWindow, backlogAtStart, backlogAtEnd, errors } = this;
    const counts = { name, ok, okInWindow, answeredInWindow, backlogAtStart, backlogAtEnd, errors };
    const packed = (histogram: Histogram | undefined): Uint8Array | undefined =>
      histogram === undefined || ok === 0 ? undefined : packHistogram(histogram);
    return { ...counts, latency: packed(this.totalLatency), service: packed(this.totalService) };
  }

  destroy(): void {
    for (const histogram of [this.latency, this.service, this.totalLatency, this.totalService]) histogram?.destroy();
  }
}

/** Records one window of one worker. Operations are given by their index in the names it was made with. */
export class Recorder {
  private readonly operations: readonly OperationRecorder[];
  private readonly recordMicros: number;
  private readonly onSecond: SecondSink;
  private endMicros: number;
  private second = 0;
  private secondEndMicros: number;

  /**
   * `withService`: an open loop, where the time from the send is kept beside that from the due time. `onSecond` is given
   * each second when it is over.
   */
  constructor(
    names: readonly string[],
    withService: boolean,
    window: Pick<LoadSpan, "recordMicros" | "endMicros">,
    onSecond: SecondSink,
  ) {
    this.operations = names.map((name) => new OperationRecorder(name, withService));
    this.recordMicros = window.recordMicros;
    this.endMicros = window.endMicros;
    this.secondEndMicros = window.recordMicros + SECOND_MICROS;
    this.onSecond = onSecond;
  }

  /** The window ended earlier than planned. */
  endAt(endMicros: number): void {
    this.endMicros = Math.min(this.endMicros, endMicros);
  }

  /** Seconds pass for a worker, too, whose target does not answer: others' need not be kept until it does. */
  passTime(nowMicros: number): void {
    if (nowMicros >= this.secondEndMicros) this.advance(nowMicros);
  }

  /** `started`: closed loop, the send; open loop, when it was due. Times in microseconds of the monotonic clock. */
  succeeded(operation: number, startedMicros: number, sentMicros: number, nowMicros: number): void {
    const recorder = this.operations[operation] as OperationRecorder;
    this.countFlow(recorder, startedMicros, nowMicros, 1);
    if (startedMicros < this.recordMicros) return;
    if (nowMicros >= this.secondEndMicros) this.advance(nowMicros);
    recorder.ok++;
    recorder.secondOk++;
    if (nowMicros < this.endMicros) recorder.okInWindow++;
    recorder.latency.recordValue(atLeastOne(nowMicros - startedMicros));
    recorder.service?.recordValue(atLeastOne(nowMicros - sentMicros));
  }

  failed(operation: number, error: string, startedMicros: number, nowMicros: number): void {
    const recorder = this.operations[operation] as OperationRecorder;
    this.countFlow(recorder, startedMicros, nowMicros, 0);
    if (startedMicros < this.recordMicros) return;
    if (nowMicros >= this.secondEndMicros) this.advance(nowMicros);
    recorder.errors[error] = (recorder.errors[error] ?? 0) + 1;
    recorder.secondErrors++;
  }

  /** Ends the recording; nothing may be recorded after it. */
  finish(): OperationReport[] {
    this.endSecond(Number.POSITIVE_INFINITY);
    const reports = this.operations.map((operation) => operation.report());
    for (const operation of this.operations) operation.destroy();
    return reports;
  }

  /** What began before the window ended in it: that throughput is not made of, but whether the target keeps up. */
  private countFlow(recorder: OperationRecorder, startedMicros: number, nowMicros: number, answered: 0 | 1): void {
    if (nowMicros < this.recordMicros) return;
    if (startedMicros < this.recordMicros) recorder.backlogAtStart++;
    if (nowMicros >= this.endMicros) recorder.backlogAtEnd++;
    else recorder.answeredInWindow += answered;
  }

  private advance(nowMicros: number): void {
    const second = Math.floor((nowMicros - this.recordMicros) / SECOND_MICROS);
    this.endSecond(second);
    this.second = second;
    this.secondEndMicros = this.recordMicros + (second + 1) * SECOND_MICROS;
  }

  private endSecond(begun: number): void {
    const ended = this.operations.map((operation) => operation.endSecond(this.second));
    this.onSecond({ begun, seconds: ended.filter((report) => report !== undefined) });
  }
}

function atLeastOne(micros: number): number {
  return micros < 1.5 ? 1 : Math.round(micros);
}

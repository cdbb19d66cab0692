import { createHistogram, type Histogram, packHistogram } from "../histogram.js";
import type { OperationReport, SecondReport } from "./load.js";

const SECOND_MICROS = 1_000_000;

/**
 * Counts and times what one worker's operations of one name did, second by second. A histogram holds one second and is
 * packed when the next begins, so each operation is recorded once, and totals are merged from the seconds.
 */
class OperationRecorder {
  readonly name: string;
  ok = 0;
  okInWindow = 0;
  readonly errors: Record<string, number> = {};
  readonly latency: Histogram = createHistogram();
  readonly service: Histogram | undefined;
  readonly seconds: SecondReport[] = [];
  secondOk = 0;
  secondErrors = 0;

  constructor(name: string, withService: boolean) {
    this.name = name;
    this.service = withService ? createHistogram() : undefined;
  }

  endSecond(second: number): void {
    if (this.secondOk > 0 || this.secondErrors > 0) {
      this.seconds.push({
        second,
        ok: this.secondOk,
        errors: this.secondErrors,
        latency: this.secondOk > 0 ? packHistogram(this.latency) : undefined,
        service: this.service !== undefined && this.secondOk > 0 ? packHistogram(this.service) : undefined,
      });
    }
    if (this.secondOk > 0) {
      this.latency.reset();
      this.service?.reset();
    }
    this.secondOk = 0;
    this.secondErrors = 0;
  }

  report(): OperationReport {
    return {
      name: this.name,
      ok: this.ok,
      okInWindow: this.okInWindow,
      errors: this.errors,
      seconds: this.seconds,
    };
  }

  destroy(): void {
    this.latency.destroy();
    this.service?.destroy();
  }
}

/** Records one window of one worker. Operations are given by their index in the names it was made with. */
export class Recorder {
  private readonly operations: readonly OperationRecorder[];
  private readonly recordMicros: number;
  private endMicros: number;
  private second = 0;
  private secondEndMicros: number;

  /** `withService`: an open loop, where the time from the send is kept beside that from the due time. */
  constructor(names: readonly string[], withService: boolean, recordMicros: number, endMicros: number) {
    this.operations = names.map((name) => new OperationRecorder(name, withService));
    this.recordMicros = recordMicros;
    this.endMicros = endMicros;
    this.secondEndMicros = recordMicros + SECOND_MICROS;
  }

  /** The window ended earlier than planned. */
  endAt(endMicros: number): void {
    this.endMicros = Math.min(this.endMicros, endMicros);
  }

  /** `started`: closed loop, the send; open loop, when it was due. Times in microseconds of the monotonic clock. */
  succeeded(operation: number, startedMicros: number, sentMicros: number, nowMicros: number): void {
    if (startedMicros < this.recordMicros) return;
    if (nowMicros >= this.secondEndMicros) this.advance(nowMicros);
    const recorder = this.operations[operation] as OperationRecorder;
    recorder.ok++;
    recorder.secondOk++;
    if (nowMicros < this.endMicros) recorder.okInWindow++;
    recorder.latency.recordValue(atLeastOne(nowMicros - startedMicros));
    recorder.service?.recordValue(atLeastOne(nowMicros - sentMicros));
  }

  failed(operation: number, error: string, startedMicros: number, nowMicros: number): void {
    if (startedMicros < this.recordMicros) return;
    if (nowMicros >= this.secondEndMicros) this.advance(nowMicros);
    const recorder = this.operations[operation] as OperationRecorder;
    recorder.errors[error] = (recorder.errors[error] ?? 0) + 1;
    recorder.secondErrors++;
  }

  /** Ends the recording; nothing may be recorded after it. */
  finish(): OperationReport[] {
    for (const operation of this.operations) {
      operation.endSecond(this.second);
      operation.destroy();
    }
    return this.operations.map((operation) => operation.report());
  }

  private advance(nowMicros: number): void {
    for (const operation of this.operations) operation.endSecond(this.second);
    this.second = Math.floor((nowMicros - this.recordMicros) / SECOND_MICROS);
    this.secondEndMicros = this.recordMicros + (this.second + 1) * SECOND_MICROS;
  }
}

function atLeastOne(micros: number): number {
  return micros < 1.5 ? 1 : Math.round(micros);
}

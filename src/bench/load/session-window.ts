import { nowMicros } from "./clock.js";
import type { LoadWindow, OperationReport } from "./load.js";
import { LoadMeter } from "./load-meter.js";
import { Recorder } from "./recorder.js";

const CHECK_MS = 5;

/** One window of a workload whose connections are sequences of awaited steps. */
export class SessionWindow {
  readonly recorder: Recorder;
  readonly recordMicros: number;
  /** Nothing is recorded. */
  readonly isWarmUp: boolean;
  private endMicros: number;
  private drainEndMicros: number;
  private readonly meter = new LoadMeter();

  constructor(names: readonly string[], window: LoadWindow) {
    this.recorder = new Recorder(names, false, window, window.onSecond);
    this.recordMicros = window.recordMicros;
    this.isWarmUp = window.recordMicros >= window.endMicros;
    this.endMicros = window.endMicros;
    this.drainEndMicros = window.endMicros + window.drainMs * 1_000;
    const untilRecordMs = Math.max(0, window.recordMicros - nowMicros()) / 1_000;
    setTimeout(() => this.meter.start(), untilRecordMs).unref();
  }

  get over(): boolean {
    return nowMicros() >= this.endMicros;
  }

  endNow(drainMs: number): void {
    const now = nowMicros();
    this.endMicros = Math.min(this.endMicros, now);
    this.drainEndMicros = Math.min(this.drainEndMicros, now + drainMs * 1_000);
    this.recorder.endAt(this.endMicros);
  }

  /** Waits until the window is over and `finished` has come, or its time for answers has run out. */
  async drained(finished: Promise<void>): Promise<{ readonly cpuMicros: number; readonly utilization: number }> {
    let state: "running" | "done" | "failed" = "running";
    const watched = finished.then(
      () => {
        state = "done";
      },
      (error: unknown) => {
        state = "failed";
        throw error;
      },
    );
    watched.catch(() => undefined);
    const used = await new Promise<ReturnType<LoadMeter["read"]>>((resolve) => {
      let atEnd: ReturnType<LoadMeter["read"]> | undefined;
      const check = setInterval(() => {
        const now = nowMicros();
        this.recorder.passTime(now);
        if (now >= this.endMicros) atEnd ??= this.meter.read();
        const ended = atEnd !== undefined && (state === "done" || now >= this.drainEndMicros);
        if (!ended && state !== "failed") return;
        clearInterval(check);
        resolve(atEnd ?? this.meter.read());
      }, CHECK_MS);
    });
    // Given up at the end of its time where it is still running; what it throws, it throws here.
    if (state !== "running") await watched;
    return used;
  }

  finish(): OperationReport[] {
    return this.recorder.finish();
  }
}

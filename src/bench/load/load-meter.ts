import { nowMicros } from "./clock.js";
import { threadCpuMicros } from "./thread-cpu.js";

/** What a worker used of its CPU and event loop between `start` and `read`. */
export class LoadMeter {
  private cpuMicros = threadCpuMicros();
  private utilization = performance.eventLoopUtilization();
  private startedMicros = nowMicros();
  /** Time spent polling for the next due send with nothing to do. */
  idlePollMicros = 0;

  start(): void {
    this.cpuMicros = threadCpuMicros();
    this.utilization = performance.eventLoopUtilization();
    this.startedMicros = nowMicros();
    this.idlePollMicros = 0;
  }

  read(): { readonly cpuMicros: number; readonly utilization: number } {
    const elapsedMicros = nowMicros() - this.startedMicros;
    const active = performance.eventLoopUtilization(this.utilization).utilization;
    return {
      cpuMicros: Math.round(threadCpuMicros() - this.cpuMicros),
      utilization: Math.min(1, Math.max(0, active - this.idlePollMicros / elapsedMicros)),
    };
  }
}

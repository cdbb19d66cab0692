import { formatMicros } from "../base/units.js";
import type { RunEvent } from "../bench/events.js";
import type { Output } from "./output.js";
import { formatCount } from "./table.js";

/** Between two lines of progress where there is no terminal to redraw them on. */
const PLAIN_INTERVAL_MS = 2_000;
const BAR_WIDTH = 20;

const PURPOSE_WORDS = {
  bracket: "looking around at",
  bisect: "closing in at",
  confirm: "confirming",
  beyond: "beyond it at",
} as const;

/** Shows a run while it goes on: one line redrawn on a terminal, else plain lines, few enough to keep in a log. */
export class Progress {
  /** Before everything that is said: which of several runs it is of. */
  prefix = "";
  private readonly output: Output;
  private readonly brief: boolean;
  private readonly nowMs: () => number;
  private drawn = false;
  private lastPlainMs = Number.NEGATIVE_INFINITY;

  /** `brief`: one of many runs, of which only what is said of it as a whole stays. */
  constructor(output: Output, nowMs: () => number = () => performance.now(), brief = false) {
    this.output = output;
    this.brief = brief;
    this.nowMs = nowMs;
  }

  readonly show = (event: RunEvent): void => {
    switch (event.kind) {
      case "calibrating":
        this.status("measuring the machine: fdatasync, loopback, timers");
        break;
      case "preparing":
        this.status(
          `${event.label}: ${event.round === 0 ? "preparing the warm-up" : `preparing round ${event.round}`}`,
        );
        break;
      case "warming": {
        const seconds = (event.elapsedMicros / 1e6).toFixed(0);
        this.status(`${event.label}: warming up, ${seconds} s, ${formatCount(event.opsPerSecond)}/s`);
        break;
      }
      case "warmed": {
        const how = event.steady ? "steady" : this.output.style("yellow", "not steady");
        this.reached(`${event.label}: ${how} after ${(event.durationMicros / 1e6).toFixed(1)} s of warm-up`);
        break;
      }
      case "measuring": {
        const done = event.durationMicros === 0 ? 1 : event.elapsedMicros / event.durationMicros;
        const failed = event.errors === 0 ? "" : `, ${event.errors} errors`;
        const bar = this.output.live ? ` ${drawBar(done)}` : ` ${Math.round(done * 100)}%,`;
        this.status(
          `${event.label}: round ${event.round} of ${event.rounds}${bar} ${formatCount(event.opsPerSecond)}/s${failed}`,
        );
        break;
      }
      case "measured": {
        const latency =
          event.p50 === null || event.p99 === null
            ? ""
            : `, p50 ${formatMicros(event.p50)}, p99 ${formatMicros(event.p99)}`;
        const failed = event.errors === 0 ? "" : this.output.style("red", `, ${event.errors} errors`);
        this.reached(
          `${event.label}: round ${event.round} of ${event.rounds}: ${formatCount(event.opsPerSecond)}/s${latency}${failed}`,
        );
        break;
      }
      case "probing": {
        const done = event.elapsedMicros / event.durationMicros;
        const bar = this.output.live ? ` ${drawBar(done)}` : ` ${Math.round(done * 100)}%`;
        this.status(
          `${event.label}: probe ${event.number}, ${PURPOSE_WORDS[event.purpose]} ${formatCount(event.askedPerSecond)}/s${bar}`,
        );
        break;
      }
      case "probed": {
        const { askedPerSecond, held, latency, purpose, reasons } = event.point;
        const verdict = held ? this.output.style("green", "held") : this.output.style("yellow", "did not hold");
        const p99 = latency === null ? "" : `, p99 ${formatMicros(latency.p99)}`;
        const why = held ? "" : ` (${reasons.join("; ")})`;
        this.milestone(
          `${event.label}: ${PURPOSE_WORDS[purpose]} ${formatCount(askedPerSecond)}/s: ${verdict}${p99}${why}`,
        );
        break;
      }
    }
  };

  /** Says what is going on now; the next status replaces it. */
  status(text: string): void {
    if (this.output.live) {
      const width = this.output.stream.columns ?? 80;
      this.output.stream.write(`\r\x1b[K${(this.prefix + text).slice(0, width - 1)}`);
      this.drawn = true;
      return;
    }
    if (this.brief) return;
    const now = this.nowMs();
    if (now - this.lastPlainMs < PLAIN_INTERVAL_MS) return;
    this.lastPlainMs = now;
    this.output.line(this.prefix + text);
  }

  /** Says what has been reached; it stays. */
  milestone(text: string): void {
    this.clear();
    this.output.line(this.prefix + text);
  }

  private reached(text: string): void {
    if (this.brief) this.status(text);
    else this.milestone(text);
  }

  clear(): void {
    if (this.drawn) this.output.stream.write("\r\x1b[K");
    this.drawn = false;
  }
}

function drawBar(done: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, done)) * BAR_WIDTH);
  return `[${"#".repeat(filled)}${".".repeat(BAR_WIDTH - filled)}]`;
}

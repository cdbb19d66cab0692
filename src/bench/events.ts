import type { SweepPoint } from "./result.js";

/** What a run says while it goes on. Times in microseconds. */
export type RunEvent =
  | { readonly kind: "calibrating" }
  | { readonly kind: "preparing"; readonly label: string; readonly round: number }
  | {
      readonly kind: "warming";
      readonly label: string;
      readonly elapsedMicros: number;
      readonly opsPerSecond: number;
    }
  | {
      readonly kind: "warmed";
      readonly label: string;
      readonly steady: boolean;
      readonly durationMicros: number;
    }
  | {
      readonly kind: "measuring";
      readonly label: string;
      /** From 1. */
      readonly round: number;
      readonly rounds: number;
      readonly elapsedMicros: number;
      readonly durationMicros: number;
      readonly opsPerSecond: number;
      readonly errors: number;
    }
  | {
      readonly kind: "measured";
      readonly label: string;
      readonly round: number;
      readonly rounds: number;
      readonly opsPerSecond: number;
      readonly p50: number | null;
      readonly p99: number | null;
      readonly errors: number;
    }
  /** A probe of a sweep. */
  | {
      readonly kind: "probing";
      readonly label: string;
      readonly purpose: SweepPoint["purpose"];
      /** Of this target, from 1. */
      readonly number: number;
      readonly askedPerSecond: number;
      readonly elapsedMicros: number;
      readonly durationMicros: number;
    }
  | { readonly kind: "probed"; readonly label: string; readonly point: SweepPoint };

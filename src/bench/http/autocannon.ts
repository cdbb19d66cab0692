import autocannon from "autocannon";
import { createHistogram, summarize } from "../histogram.js";
import type { LatencySummary } from "../result.js";

export interface HttpLoadOptions {
  readonly url: string;
  readonly connections: number;
  readonly durationSeconds: number;
  /** Requests per second over all connections; without it each connection sends as soon as it is answered. */
  readonly rate?: number;
}

export interface HttpLoadResult {
  /** Answers with a 2xx status per second. */
  readonly requestsPerSecond: number;
  /** Of answers with a 2xx status, in microseconds, from the send; null without any. */
  readonly latency: LatencySummary | null;
  /** Requests without an answer: refused, reset or timed out. */
  readonly errors: number;
  /** Answers with any other status. */
  readonly non2xx: number;
}

/**
 * Loads one HTTP endpoint with autocannon. Latencies are recorded here from each answer, since autocannon keeps whole
 * milliseconds; its correction for omissions is off, which assumes an interval of 1 ms between requests at any rate.
 */
export async function runHttpLoad(options: HttpLoadOptions): Promise<HttpLoadResult> {
  const { url, connections, durationSeconds, rate } = options;
  const histogram = createHistogram();
  try {
    let succeeded = 0;
    const result = await new Promise<autocannon.Result>((resolve, reject) => {
      const load = autocannon(
        {
          url,
          connections,
          duration: durationSeconds,
          ...(rate === undefined ? {} : { overallRate: rate, ignoreCoordinatedOmission: true }),
        },
        (error, finished) => (error ? reject(error) : resolve(finished)),
      );
      load.on("response", (_client, status, _bytes, milliseconds) => {
        if (status < 200 || status > 299) return;
        succeeded++;
        histogram.recordValue(Math.round(milliseconds * 1_000));
      });
    });
    return {
      requestsPerSecond: succeeded / result.duration,
      latency: summarize(histogram),
      errors: result.errors,
      non2xx: result.non2xx,
    };
  } finally {
    histogram.destroy();
  }
}

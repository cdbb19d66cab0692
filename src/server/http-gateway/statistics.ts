/** What monitoring may look at of the gateway. Counts are since the start. */
export interface GatewayStatistics {
  readonly requests: number;
  /** Answers with a 4xx status. */
  readonly clientErrors: number;
  /** Answers with a 5xx status. */
  readonly serverErrors: number;
  /** Readers of events that did not keep up. */
  readonly streamsCut: number;
  readonly connections: number;
  readonly sessions: number;
  readonly streams: number;
}

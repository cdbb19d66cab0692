import { assert } from "../../base/assert.js";
import type { QuorumVerifier, ServerId } from "./quorum-verifier.js";

/** What a member of an ensemble is told once. Times are in milliseconds. */
export interface ZabOptions {
  readonly serverId: ServerId;
  /** Who votes; a server that is no voter is an observer. */
  readonly verifier: QuorumVerifier;
  /** The configuration as text, handed around in notifications and NEWLEADER. */
  readonly configText: Buffer;
  readonly configVersion: number;
  readonly tickTimeMs: number;
  /** Ticks for a learner to connect and be synchronized. */
  readonly initLimit: number;
  /** Ticks of silence after which a peer of Apache ZooKeeper is given up, and in which it must acknowledge. */
  readonly syncLimit: number;
  /** Silence after which another core server is given up. */
  readonly peerTimeoutMs: number;
  /** Whether to announce the batched extension. Without it every byte is as upstream's. */
  readonly batched: boolean;
  /** Silence in an election is answered by sending again, after times that double from min to max. */
  readonly notificationIntervalMinMs: number;
  readonly notificationIntervalMaxMs: number;
  /** An observer is told of nothing that it does not ask for, so it asks this often at least. */
  readonly observerIntervalMaxMs: number;
  /** How long to wait for a better vote, where some voter that may be alive has not voted. */
  readonly settleMs: number;
  /** The pause between tries to connect to a leader that does not accept yet. */
  readonly connectRetryMs: number;
  /** Connections whose other side is not known yet that are kept at once: more than there can be servers. */
  readonly strangersMax: number;
  /** Committed proposals kept in memory for learners that were away shortly: at least this many... */
  readonly windowEntriesMin: number;
  /** ...and as many more as fit here. */
  readonly windowBytesMax: number;
  /** Beyond that, what a learner that is behind has not been sent yet is kept up to here. */
  readonly windowHeldBytesMax: number;
  /** Bytes of proposals under way to one learner before it is waited for. */
  readonly inFlightBytesMax: number;
}

/** The defaults of upstream where it has one (QuorumPeer, FastLeaderElection, ZKDatabase), and ours. */
export const ZAB_DEFAULTS = {
  tickTimeMs: 2_000,
  initLimit: 10,
  syncLimit: 5,
  peerTimeoutMs: 1_000,
  batched: true,
  notificationIntervalMinMs: 200,
  notificationIntervalMaxMs: 60_000,
  observerIntervalMaxMs: 1_000,
  settleMs: 200,
  connectRetryMs: 20,
  strangersMax: 256,
  windowEntriesMin: 500,
  windowBytesMax: 16 * 2 ** 20,
  windowHeldBytesMax: 256 * 2 ** 20,
  inFlightBytesMax: 4 * 2 ** 20,
} as const;

export function checkZabOptions(options: ZabOptions): void {
  assert(options.tickTimeMs > 0 && options.initLimit > 0 && options.syncLimit > 0, "time limits are positive");
  assert(options.notificationIntervalMinMs <= options.notificationIntervalMaxMs, "min is at most max");
  assert(options.notificationIntervalMinMs <= options.observerIntervalMaxMs, "min is at most an observer's max");
  assert(options.connectRetryMs < options.peerTimeoutMs, "a peer is not given up before a second try");
  assert(options.strangersMax >= options.verifier.voters.length, "every voter may come at once");
  assert(options.inFlightBytesMax < options.windowBytesMax, "what is under way to a learner is still in the window");
  assert(options.windowHeldBytesMax >= options.windowBytesMax, "what is held is in the window");
}

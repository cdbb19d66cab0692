import { counterOf, epochOf, type Zxid } from "../../base/zxid.js";
import type { ProposalWindow } from "./proposal-window.js";

/** How a learner is brought to the leader's history; the leader then sends every entry behind `from`. */
export type SyncChoice =
  | { readonly kind: "diff"; readonly from: Zxid }
  /** The learner cuts its log behind `from` first. */
  | { readonly kind: "trunc"; readonly from: Zxid }
  | { readonly kind: "snap" };

const SNAP: SyncChoice = { kind: "snap" };

/**
 * Chooses by the learner's last zxid (upstream: LearnerHandler.syncFollower). `committedZxid` is the leader's: what the
 * learner has beyond it is cut even if the leader has it too, since nobody knows yet whether it will stand.
 *
 * Two histories that share an entry agree on everything before it, so DIFF and TRUNC need an entry that both hold. Within
 * the epoch of the learner's last entry it holds every counter from 1 on; of older epochs nothing can be said. Upstream
 * truncates across epochs as well, to an entry that the learner may not have; here that is a SNAP.
 *
 * A learner at counter 0 of an epoch has the history that epoch began with and nothing of its own. That is ours too if
 * we went through that epoch: `ownEpochs` are those that the leader itself has entered last.
 */
export function chooseSync(
  window: ProposalWindow,
  committedZxid: Zxid,
  learnerZxid: Zxid,
  ownEpochs: readonly number[],
): SyncChoice {
  if (learnerZxid === committedZxid) return { kind: "diff", from: learnerZxid };
  const epoch = epochOf(learnerZxid);
  if (counterOf(learnerZxid) === 0 && learnerZxid !== window.baseZxid) {
    if (learnerZxid < window.baseZxid) return SNAP;
    const next = window.after(learnerZxid);
    const passedThrough = next === undefined ? ownEpochs.includes(epoch) : epochOf(next.zxid) === epoch;
    return passedThrough ? { kind: "diff", from: learnerZxid } : SNAP;
  }
  if (learnerZxid > committedZxid) {
    const shares = window.holds(learnerZxid) || (epochOf(committedZxid) === epoch && counterOf(committedZxid) > 0);
    return shares ? { kind: "trunc", from: committedZxid } : SNAP;
  }
  const before = window.lastAtOrBefore(learnerZxid);
  if (before === undefined) return SNAP;
  if (before === learnerZxid) return { kind: "diff", from: learnerZxid };
  return epochOf(before) === epoch && counterOf(before) > 0 ? { kind: "trunc", from: before } : SNAP;
}

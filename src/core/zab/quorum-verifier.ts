import { assert } from "../../base/assert.js";

export type ServerId = number;

/** Decides which sets of voters are quorums: any two quorums share a voter. */
export interface QuorumVerifier {
  readonly voters: readonly ServerId[];
  isVoter(server: ServerId): boolean;
  /** A voter of weight 0 never leads and counts for nothing. */
  weightOf(server: ServerId): number;
  /** Servers that are no voters are ignored. */
  isQuorum(servers: ReadonlySet<ServerId>): boolean;
}

/** More than half of the voters. */
export class MajorityQuorum implements QuorumVerifier {
  readonly voters: readonly ServerId[];
  private readonly members: ReadonlySet<ServerId>;

  constructor(voters: Iterable<ServerId>) {
    this.members = new Set(voters);
    this.voters = [...this.members];
    assert(this.voters.length > 0, "an ensemble has a voter");
  }

  isVoter(server: ServerId): boolean {
    return this.members.has(server);
  }

  weightOf(server: ServerId): number {
    return this.members.has(server) ? 1 : 0;
  }

  isQuorum(servers: ReadonlySet<ServerId>): boolean {
    let count = 0;
    for (const server of servers) if (this.members.has(server)) count++;
    return count * 2 > this.voters.length;
  }
}

export interface VoterGroup {
  readonly members: ReadonlyMap<ServerId, number>;
}

/**
 * Voters in groups, with weights: more than half of the weight in more than half of the groups, where a group whose
 * weights are all 0 does not count (upstream: QuorumHierarchical).
 */
export class HierarchicalQuorum implements QuorumVerifier {
  readonly voters: readonly ServerId[];
  private readonly groupOf = new Map<ServerId, number>();
  private readonly weights = new Map<ServerId, number>();
  private readonly groupWeights: readonly number[];
  private readonly countedGroups: number;

  constructor(groups: readonly VoterGroup[]) {
    groups.forEach(({ members }, group) => {
      for (const [server, weight] of members) {
        assert(!this.groupOf.has(server) && weight >= 0, `server ${server} is in one group, with a weight`);
        this.groupOf.set(server, group);
        this.weights.set(server, weight);
      }
    });
    this.voters = [...this.groupOf.keys()];
    this.groupWeights = groups.map(({ members }) => [...members.values()].reduce((sum, weight) => sum + weight, 0));
    this.countedGroups = this.groupWeights.filter((weight) => weight > 0).length;
    assert(this.countedGroups > 0, "some group has weight");
  }

  isVoter(server: ServerId): boolean {
    return this.groupOf.has(server);
  }

  weightOf(server: ServerId): number {
    return this.weights.get(server) ?? 0;
  }

  isQuorum(servers: ReadonlySet<ServerId>): boolean {
    const sums = this.groupWeights.map(() => 0);
    for (const server of servers) {
      const group = this.groupOf.get(server);
      if (group !== undefined) sums[group]! += this.weightOf(server);
    }
    const won = sums.filter((sum, group) => sum * 2 > this.groupWeights[group]!).length;
    return won * 2 > this.countedGroups;
  }
}

/**
 * The highest position that a quorum has reached, or -1: `positions` holds how far each server has come, and a server at
 * p has reached everything up to p.
 */
export function quorumPosition(verifier: QuorumVerifier, positions: ReadonlyMap<ServerId, number>): number {
  const reached = new Set<ServerId>();
  for (const [server, position] of [...positions].sort((left, right) => right[1] - left[1])) {
    reached.add(server);
    if (verifier.isQuorum(reached)) return position;
  }
  return -1;
}

/**
 * Every suite, the command that runs it, and the seconds it may take; a suite over its budget fails. `npm test` runs
 * the quick suites (together under 10 minutes), `.ci/run` the real ones too (together under 40), `npm run test:long`
 * everything.
 */
export interface Suite {
  readonly name: string;
  readonly command: "quick" | "real" | "long";
  /** Folders below test/: every `.test.js` in them, as compiled, that lies in no folder named below them by another suite. */
  readonly paths: readonly string[];
  readonly budgetSeconds: number;
  /** Files run at once; 1 where they measure or start servers. */
  readonly concurrency: number;
}

export const SUITES: readonly Suite[] = [
  { name: "base", command: "quick", paths: ["base", "jute", "lint"], budgetSeconds: 60, concurrency: 2 },
  { name: "core", command: "quick", paths: ["core", "server", "workers"], budgetSeconds: 240, concurrency: 2 },
  { name: "client", command: "quick", paths: ["client"], budgetSeconds: 60, concurrency: 2 },
  // They wait more than they compute.
  { name: "workloads", command: "quick", paths: ["bench/workloads"], budgetSeconds: 220, concurrency: 4 },
  {
    name: "harness",
    command: "quick",
    paths: ["bench", "chaos", "regressions", "report", "targets", "cli"],
    budgetSeconds: 380,
    concurrency: 2,
  },
  { name: "real", command: "real", paths: ["real"], budgetSeconds: 1600, concurrency: 1 },
  { name: "long", command: "long", paths: ["long"], budgetSeconds: 10_800, concurrency: 1 },
];

import { z } from "zod";
import { Tally } from "../../load/tally.js";
import type { NamingWorkload } from "../../profile/profile.js";
import type { WorkloadKind } from "../workload-kind.js";
import { NAMING_WORDS, NamingWords } from "./naming-words.js";

const schema = z.strictObject({ kind: z.literal("naming") });

/** Unique sequential ids. */
export const namingKind: WorkloadKind<NamingWorkload> = {
  kind: "naming",
  schema,
  resolve: () => ({ kind: "naming" }),
  pipelined: false,
  targets: () => ["core", "zookeeper"],
  operations: () => ["next-id"],
  counted: () => ["next-id"],
  keys: () => 0,
  regionWords: () => NAMING_WORDS,
  metrics: () => [],
  // `id-gaps`: ids are skipped only by calls that did not come back, and by the ends of sessions.
  judge: (region) => {
    const tally = new Tally("id-gaps");
    const { begun, done, next, skipped } = new NamingWords(region);
    tally.observations = done.value;
    if (next.value > begun.value + skipped.value) {
      tally.violated(
        `the largest id is ${next.value - 1}, and only ${begun.value} were asked for and ${skipped.value} skipped by sessions that ended`,
      );
    }
    return [tally.report()];
  },
};

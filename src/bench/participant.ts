import type { Ensemble } from "../targets/target.js";
import type { DriverSource } from "./load/driver-source.js";
import type { Variant } from "./profile/profile.js";

/** A running target that takes part in a comparison. */
export interface Participant {
  /** Unique among the participants: "core", "zookeeper", "zookeeper-attached", "core-3" of a variant. */
  readonly label: string;
  readonly ensemble: Ensemble;
  readonly driver: DriverSource;
  /** Which of the profile's variants is run on it; the profile itself where it has none. */
  readonly variant?: Variant | undefined;
}

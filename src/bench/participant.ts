import type { Ensemble } from "../targets/target.js";
import type { DriverSource } from "./load/driver-source.js";

/** A running target that takes part in a comparison. */
export interface Participant {
  /** Unique among the participants: "core", "zookeeper", "zookeeper-attached". */
  readonly label: string;
  readonly ensemble: Ensemble;
  readonly driver: DriverSource;
}

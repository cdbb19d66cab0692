import type { Places } from "../places.js";

/** What an installer works with; tests pass their own. */
export interface InstallContext {
  readonly places: Places;
  /** True where packages may be installed. */
  readonly root: boolean;
  /** One line of progress. */
  readonly report: (line: string) => void;
}

/** A copy that is there: "3.9.5", "Maven, in the zabench cache". */
export interface Found {
  readonly version: string | undefined;
  readonly origin: string;
}

/** A program that `zabench targets install` can get. */
export interface Tool {
  readonly name: string;
  /** For people: "Apache ZooKeeper". */
  readonly title: string;
  /** Every usable copy, the preferred one first. */
  find(places: Places): Promise<readonly Found[]>;
  /** True where nothing is to be done: installing would not give a better copy. */
  isSatisfied(context: InstallContext): Promise<boolean>;
  /** Throws UserError `commandFailed` or `cannotInstall`. */
  install(context: InstallContext): Promise<void>;
  /** What a person does to get it. */
  readonly remedy: string;
}

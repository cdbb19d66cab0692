import { describe } from "node:test";
import { itKeepsItsPromises } from "../support/simulated-seeds.js";

describe("the replicated core in simulated time, many new seeds", () => {
  itKeepsItsPromises({ faults: 100_000, stalls: 2_000 }, 6_000_000);
});

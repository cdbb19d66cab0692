import { describe } from "node:test";
import { itKeepsItsPromises } from "../support/simulated-seeds.js";

describe("the replicated core in simulated time, new seeds", () => {
  itKeepsItsPromises({ faults: 1_000, stalls: 100 }, 300_000);
});

import { randomOfCommit, sampleOf } from "../support/commit-sample.js";
import { testSystems } from "../support/system-suite.js";

const SAMPLE = 3;

// Another sample for each number of servers; the long suite has them all.
const random = randomOfCommit();
testSystems((names) => sampleOf(names, SAMPLE, random));

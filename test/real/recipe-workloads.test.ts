import { randomOfCommit, sampleOf } from "../support/commit-sample.js";
import { testRecipeWorkloads } from "../support/recipe-workload-suite.js";

const SAMPLE = 3;

// Another sample for each target and number of servers; the long suite has them all.
const random = randomOfCommit();
testRecipeWorkloads((names) => sampleOf(names, SAMPLE, random));

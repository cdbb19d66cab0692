import { SWEPT, testSweepOf } from "../support/sweep-suite.js";

for (const kind of SWEPT) testSweepOf(kind);

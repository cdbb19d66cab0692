import { testSystems } from "../support/system-suite.js";

testSystems((names) => names);

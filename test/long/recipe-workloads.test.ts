import { testRecipeWorkloads } from "../support/recipe-workload-suite.js";

testRecipeWorkloads((names) => names);

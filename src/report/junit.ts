import { observedText } from "./format.js";
import type { GateReport } from "./gate.js";

/** One thing that must hold. `error` is neither passed nor failed: it could not be told. */
export interface TestCase {
  readonly suite: string;
  readonly name: string;
  readonly outcome: "passed" | "failure" | "error";
  readonly message: string;
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

function attribute(text: string): string {
  // XML 1.0 has no way to write most control characters; a line break in an attribute must be a reference.
  return text
    .replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character)
    .replace(/[\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`)
    .replace(/[\p{Cc}\p{Cs}\uFFFE\uFFFF]/gu, "\uFFFD");
}

/** JUnit's XML as continuous-integration servers read it: a suite for each target, a case for each thing that must hold. */
export function junit(name: string, cases: readonly TestCase[]): string {
  const count = (outcome: TestCase["outcome"], of: readonly TestCase[]): number =>
    of.filter((test) => test.outcome === outcome).length;
  const totals = (of: readonly TestCase[]): string =>
    `tests="${of.length}" failures="${count("failure", of)}" errors="${count("error", of)}"`;
  const suites = [...new Set(cases.map((test) => test.suite))].map((suite) => {
    const own = cases.filter((test) => test.suite === suite);
    const lines = own.map((test) => {
      const opening = `    <testcase classname="${attribute(suite)}" name="${attribute(test.name)}"`;
      return test.outcome === "passed"
        ? `${opening}/>`
        : `${opening}>\n      <${test.outcome} message="${attribute(test.message)}"/>\n    </testcase>`;
    });
    return `  <testsuite name="${attribute(suite)}" ${totals(own)}>\n${lines.join("\n")}\n  </testsuite>\n`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="${attribute(name)}" ${totals(cases)}>\n${suites.join("")}</testsuites>\n`;
}

function judgedCases({ checks, thresholds }: GateReport): readonly TestCase[] {
  const outcomes = { valid: "passed", invalid: "failure", unknown: "error" } as const;
  return [
    ...checks.map(
      (check): TestCase => ({
        suite: check.target,
        name: `check: ${check.name}`,
        outcome: outcomes[check.verdict],
        message: check.detail,
      }),
    ),
    ...thresholds.map(
      (threshold): TestCase => ({
        suite: threshold.target,
        name: `threshold: ${threshold.metric} ${threshold.expression}`,
        outcome: threshold.passed ? "passed" : "failure",
        message:
          threshold.observed === null
            ? "there were no samples"
            : `observed ${observedText(threshold.expression, threshold.observed)}`,
      }),
    ),
  ];
}

/** The comparisons of a gate, with the checks and thresholds of the result it judged. */
export function gateCases(report: GateReport): readonly TestCase[] {
  const outcomes = {
    passed: "passed",
    "within-spread": "passed",
    regression: "failure",
    insufficient: "error",
  } as const;
  const compared = report.comparisons.map(
    (comparison): TestCase => ({
      suite: comparison.target,
      name: `${comparison.operation} ${comparison.metric}`,
      outcome: outcomes[comparison.verdict],
      message: comparison.sentence,
    }),
  );
  const incomplete = report.incomplete.map(
    (sentence): TestCase => ({ suite: "run", name: "the result is complete", outcome: "error", message: sentence }),
  );
  return [...incomplete, ...compared, ...judgedCases(report)];
}

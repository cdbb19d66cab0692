import { z } from "zod";
import type { Setting } from "./settings.js";

/** More than these, and their figures can be neither waited for nor read. */
const VARIANTS_MAX = 64;
/** What names a run, or has to be the same for all who take turns. */
const FIXED = ["name", "description", "rounds", "seed", "variants"];

/** What is varied over, and each value of a list, for people who wrote something else. */
export const VARIANT_FORM =
  "a list of values, such as [1, 2], or a mapping of names to values, such as {few: 1, many: 2}";
export const VARIANT_VALUE_FORM =
  "text, a number, true or false; write a mapping of names to values to vary over any other";

const plain = z.union([z.string(), z.number(), z.boolean()]);

/**
 * By path, the values to run with: a list of plain ones, or a mapping of names to values of any kind. Every combination is
 * measured, on every target.
 */
export const variantsSchema = z
  .record(z.string(), z.union([z.array(plain), z.record(z.string(), z.unknown())]))
  .superRefine((value, context) => {
    let combinations = 1;
    for (const [path, values] of Object.entries(value)) {
      const names = named(values).map(([name]) => name);
      combinations *= names.length;
      const problem = problemOf(path, names);
      if (problem !== undefined) context.addIssue({ code: "custom", path: [path], message: problem });
    }
    if (combinations > VARIANTS_MAX) {
      const message = `makes ${combinations} combinations; at most ${VARIANTS_MAX} can be run`;
      context.addIssue({ code: "custom", path: [], message });
    }
  });

export type VariantsInput = z.output<typeof variantsSchema>;

export interface PlannedVariant {
  readonly label: string;
  readonly values: Readonly<Record<string, string>>;
  readonly settings: readonly Setting[];
}

/** Every combination, the last path's values changing fastest. `locate` says where something of the document stands. */
export function planVariants(
  variants: VariantsInput,
  locate: (path: readonly string[]) => string,
): readonly PlannedVariant[] {
  let planned: readonly PlannedVariant[] = [{ label: "", values: {}, settings: [] }];
  for (const [path, values] of Object.entries(variants)) {
    planned = planned.flatMap((before) =>
      named(values).map(([name, value]) => ({
        label: before.label === "" ? name : `${before.label}-${name}`,
        values: { ...before.values, [path]: name },
        settings: [
          ...before.settings,
          { path: path.split("."), value, where: `${locate(["variants", path])}: with ${path} ${name}` },
        ],
      })),
    );
  }
  return planned[0]?.label === "" ? [] : planned;
}

function named(values: VariantsInput[string]): (readonly [string, unknown])[] {
  return Array.isArray(values) ? values.map((value) => [String(value), value] as const) : Object.entries(values);
}

function problemOf(path: string, names: readonly string[]): string | undefined {
  if (FIXED.includes(path.split(".")[0] as string)) return "cannot be varied";
  if (names.length === 0) return "needs at least one value";
  const odd = names.find((name) => !/^[\w.%:/-]+$/.test(name));
  if (odd !== undefined)
    return `'${odd}' names a target's variant: use letters, digits, dots and dashes, as name: value`;
  return new Set(names).size === names.length ? undefined : "names a value twice";
}

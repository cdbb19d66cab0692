import { z } from "zod";
import { parseDurationMicros } from "../../base/units.js";
import { UserError } from "../../base/user-error.js";
import { parseShare } from "./units.js";

/** A scalar that `parse` understands; its UserError becomes the problem's text. */
export function scalar(parse: (text: string) => number): z.ZodType<number, string | number> {
  return z.union([z.string(), z.number()]).transform((value, context) => {
    try {
      return parse(String(value));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      context.addIssue({ code: "custom", message: error.message });
      return z.NEVER;
    }
  });
}

/** Microseconds, written with a unit. */
export const duration = scalar(parseDurationMicros);
/** 0 to 1, written as a percentage. */
export const share = scalar(parseShare);

export function whole(min: number, max: number): z.ZodNumber {
  return z.number().int().min(min).max(max);
}

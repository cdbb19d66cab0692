import type { z } from "zod";
import { Problem } from "./problem.js";

/** The value that a schema makes of a body. Throws Problem that says where it does not fit. */
export function checked<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    ({ path, message }) => `${path.length === 0 ? "body" : path.join(".")}: ${message}`,
  );
  throw new Problem(400, problems.join("; "), "MARSHALLINGERROR");
}

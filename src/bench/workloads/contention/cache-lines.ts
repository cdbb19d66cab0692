const CACHE_LINE_WORDS = 16;

/** `words` up to whole cache lines, so that what lies behind does not disturb what lies here. */
export function wholeLines(words: number): number {
  return Math.ceil(words / CACHE_LINE_WORDS) * CACHE_LINE_WORDS;
}

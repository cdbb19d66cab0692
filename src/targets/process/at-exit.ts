const cleanups = new Set<() => void>();

function runCleanups(): void {
  for (const cleanup of cleanups) {
    try {
      cleanup();
    } catch {
      // The process is ending: the other cleanups must still have their turn, and nobody is left to tell.
    }
  }
}

/**
 * Runs `cleanup` synchronously when this process exits by itself: a normal end, `process.exit`, an uncaught exception.
 * Returns the function that takes it back.
 */
export function atProcessExit(cleanup: () => void): () => void {
  if (cleanups.size === 0) process.on("exit", runCleanups);
  cleanups.add(cleanup);
  return () => {
    cleanups.delete(cleanup);
    if (cleanups.size === 0) process.off("exit", runCleanups);
  };
}

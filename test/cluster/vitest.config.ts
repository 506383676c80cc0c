import { defineConfig } from "vitest/config";

// Not a part of `npm test`: a cluster takes a while to start, and more memory than a small machine has to spare.
export default defineConfig({
  test: {
    include: ["test/cluster/*.suite.ts"],
    testTimeout: 120_000,
    hookTimeout: 180_000,
    maxWorkers: 1,
    reporters: ["default"],
  },
});

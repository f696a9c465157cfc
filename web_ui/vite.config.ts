import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// One page, served by the desktop shell from its own scheme under a CSP without
// any remote origin: so no hashes to look up, no inlined data and no preload helper.
export default defineConfig({
  plugins: [svelte()],
  base: "./",
  build: {
    outDir: "../floater/desktop/page",
    emptyOutDir: true,
    target: "chrome120",
    assetsInlineLimit: 0,
    modulePreload: false,
    rollupOptions: {
      output: { entryFileNames: "app.js", chunkFileNames: "[name].js", assetFileNames: "[name][extname]" },
    },
  },
  // One document for all files of a worker: it takes longer to make than most tests to run.
  test: {
    environment: "jsdom",
    include: ["tests/**/*.test.ts"],
    setupFiles: ["tests/helpers/setup.ts"],
    isolate: false,
  },
  resolve: process.env.VITEST ? { conditions: ["browser"] } : {},
});

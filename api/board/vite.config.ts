import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

/** A page is an html file in this folder; the hub serves it at an address of its own (api/routes/pages.py). */
const PAGES = ["index.html", "worker.html"].filter((name) => existsSync(join(import.meta.dirname, name)));

/** Leaves a .gz and a .br beside each file, so that the hub never compresses while it serves. */
function precompressed(): Plugin {
  let folder = "";
  return {
    name: "precompressed",
    apply: "build",
    configResolved: (config) => void (folder = join(config.root, config.build.outDir)),
    closeBundle() {
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || !/\.(html|js|mjs|css|svg|json|webmanifest)$/.test(entry.name)) continue;
        const file = join(entry.parentPath, entry.name);
        const content = readFileSync(file);
        writeFileSync(`${file}.gz`, gzipSync(content, { level: 9 }));
        const params = { [constants.BROTLI_PARAM_QUALITY]: 10, [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
        writeFileSync(`${file}.br`, brotliCompressSync(content, { params }));
      }
    },
  };
}

export default defineConfig({
  base: "/board/",
  plugins: [precompressed()],
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    outDir: "../pages/board",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the content security policy allows no data: scripts, and files are cached anyway
    modulePreload: { polyfill: false }, // the polyfill is an inline script
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1500,
    rollupOptions: { input: PAGES.map((name) => join(import.meta.dirname, name)) },
  },
  server: { proxy: { "/api": "http://127.0.0.1:8080", "/board/config.json": "http://127.0.0.1:8080" } },
});

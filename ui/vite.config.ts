// Build of the Control UI: relative asset URLs (any base path works), content-hashed names,
// no inline code (the page runs under a strict Content-Security-Policy), and `.br`/`.gz`
// siblings so that the gateway serves bytes instead of compressing them.
import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { type Plugin } from "vite";
import { defineConfig } from "vitest/config";

const root = import.meta.dirname;
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };

/** Below this size a compressed copy saves less than one packet. */
const COMPRESS_BYTES_MIN = 512;

function precompress(folder: string): Plugin {
  const visit = (path: string): void => {
    for (const name of readdirSync(path).sort()) {
      const file = join(path, name);
      if (statSync(file).isDirectory()) visit(file);
      else if (/\.(html|js|css|svg|md)$/.test(name)) compress(file);
    }
  };
  const compress = (file: string): void => {
    const bytes = readFileSync(file);
    if (bytes.length < COMPRESS_BYTES_MIN) return;
    writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
    writeFileSync(
      `${file}.br`,
      brotliCompressSync(bytes, {
        params: {
          [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
          [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
        },
      }),
    );
  };
  return { name: "torana-precompress", apply: "build", closeBundle: () => visit(folder) };
}

export default defineConfig({
  base: "./",
  define: { __UI_VERSION__: JSON.stringify(version) },
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: false,
    sourcemap: false,
    // The notices that the licences of the bundled packages ask for.
    license: { fileName: "licenses.md" },
    reportCompressedSize: true,
  },
  plugins: [precompress(resolve(root, "dist"))],
  test: { environment: "node", include: ["src/**/*.test.{ts,tsx}"], restoreMocks: true },
});

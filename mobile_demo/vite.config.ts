import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { defineConfig, type Plugin } from "vite";

const LITERT = "node_modules/@litertjs/core";
const VERSION: string = JSON.parse(readFileSync(`${LITERT}/package.json`, "utf8")).version;
// What the built app contains beside our own code.
const SHIPPED = ["@litertjs/core", "@litertjs/wasm-utils"];

/** LiteRT's builds, under an address that names their version, so that they can be kept for good. */
function runtime(): Plugin {
  return {
    name: "runtime",
    generateBundle() {
      for (const name of readdirSync(`${LITERT}/wasm`)) {
        this.emitFile({
          type: "asset",
          fileName: `runtime/${VERSION}/${name}`,
          source: readFileSync(join(LITERT, "wasm", name)),
        });
      }
    },
  };
}

/** Who wrote what is shipped, and under which licence; LICENSE.txt is the text of Apache-2.0. */
function notices(): Plugin {
  return {
    name: "notices",
    generateBundle() {
      const listed = SHIPPED.map((name) => {
        const about = JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8"));
        if (about.license !== "Apache-2.0") throw new Error(`${name} is now under ${about.license}`);
        return `${name} ${about.version}: Copyright Google LLC, Apache-2.0 (LICENSE.txt)\n`;
      });
      this.emitFile({
        type: "asset",
        fileName: "THIRD_PARTY_NOTICES.txt",
        source: `This app contains, unchanged:\n\n${listed.join("")}\nTheir source, and the notices of what their WebAssembly is built from:\nhttps://github.com/google-ai-edge/LiteRT\n`,
      });
    },
  };
}

/** Tells the service worker what the app consists of. */
function offlineList(): Plugin {
  return {
    name: "offline-list",
    enforce: "post",
    generateBundle(_, bundle) {
      const worker = bundle["service-worker.js"];
      if (worker?.type !== "chunk") throw new Error("service-worker.js is not in the bundle");
      const assets = Object.keys(bundle).filter((name) => name.startsWith("assets/"));
      const files = ["./", ...assets, "app.webmanifest", "icons/192.png", "icons/512.png"];
      worker.code = worker.code.replaceAll("__APP_FILES__", JSON.stringify(files));
    },
  };
}

export default defineConfig({
  // So that the app can be put into any folder of a web server.
  base: "./",
  define: { __RUNTIME_VERSION__: JSON.stringify(VERSION) },
  // LiteRT loads its build by importScripts, which module workers do not have.
  worker: { format: "iife" },
  plugins: [runtime(), notices(), offlineList()],
  build: {
    target: "es2022",
    chunkSizeWarningLimit: 300,
    // Packing all builds of the runtime to say their size takes longer than the rest.
    reportCompressedSize: false,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: { index: "index.html", "service-worker": "src/service_worker.ts" },
      output: {
        entryFileNames: ({ name }) =>
          name === "service-worker" ? "service-worker.js" : "assets/[name]-[hash].js",
      },
    },
  },
});

/** Set by vite.config.ts. */
declare const __RUNTIME_VERSION__: string;
declare const __APP_FILES__: string[];

#!/usr/bin/env node
// The daemon's door: compiled code is cached, so that later starts need not parse the sources again.
import { enableCompileCache, registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

// What a request leaves behind dies young: a small nursery halves the daemon's memory at no cost in time.
setFlagsFromString('--semi-space-growth-factor=1');
// For src/base/stream-litter.ts, which asks for small collections so that large ones are not needed, and for the
// daemon at rest.
setFlagsFromString('--expose-gc');
globalThis.gc = runInNewContext('gc');

enableCompileCache(fileURLToPath(new URL('../build/compile-cache', import.meta.url)));

// Most of a start's time is spent on finding and reading modules. Where those of the product are needs no looking up:
// paths relative to a module, and the folders of `imports` in package.json, all below src.
const sources = new URL('../src/', import.meta.url).href;
registerHooks({
  resolve(specifier, context, next) {
    const isFolder = specifier.startsWith('#');
    if (!specifier.endsWith('.ts') || !(isFolder || (specifier.startsWith('.') && context.parentURL?.startsWith(sources)))) return next(specifier, context);
    return { url: isFolder ? sources + specifier.slice(1) : new URL(specifier, context.parentURL).href, format: 'module-typescript', shortCircuit: true };
  },
});
await import('../src/daemon/main.ts');

#!/usr/bin/env node
// The daemon's door: compiled code is cached, so that later starts need not parse the sources again.
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

enableCompileCache(fileURLToPath(new URL('../build/compile-cache', import.meta.url)));
await import('../src/daemon/main.ts');

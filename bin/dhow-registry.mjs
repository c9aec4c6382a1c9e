// The registry server's door: compiled code is cached where that may be written.
import { enableCompileCache } from 'node:module';
import { setFlagsFromString } from 'node:v8';

// What a request leaves behind dies young: a small nursery keeps the memory small at no cost in time.
setFlagsFromString('--max-semi-space-size=1');
enableCompileCache();
await import('../src/registry-server/main.ts');

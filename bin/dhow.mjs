// Runs the command line from its sources; the launcher `dhow` prefers the bundle.
import { enableCompileCache } from 'node:module';

enableCompileCache();
await import('../src/cli/main.ts');

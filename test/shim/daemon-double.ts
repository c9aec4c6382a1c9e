/**
 * A daemon to be killed: starts what it is told (JSON launches as parameters), reports each process in a
 * line of JSON, and then waits for its end.
 */
import type { ContainerLaunch } from '#runtime/contract.ts';
import { createShimLauncher } from '#runtime/shim-launcher.ts';
import { shimPath } from './shim-bench.ts';

const launcher = createShimLauncher({ shimPath });
for (const parameter of process.argv.slice(2)) {
  const launch: ContainerLaunch = JSON.parse(parameter);
  const started = await launcher.launch(launch, new AbortController().signal);
  process.stdout.write(`${JSON.stringify({ pid: started.pid, shimPid: started.shimPid })}\n`);
}
setInterval(() => undefined, 1000);

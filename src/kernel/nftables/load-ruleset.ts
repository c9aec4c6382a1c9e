/** Loads nftables rules in nft's own language: one process, one transaction. For start-up, not for every container. */
import { fail, messageOf } from '#base/errors/failure.ts';
import { runProgram } from '../run-program.ts';

/** All of the rules or none. @throws network.firewall_failed with what nft said, or that it is missing */
export async function loadRuleset(rules: string, signal?: AbortSignal): Promise<void> {
  const result = await runProgram('nft', ['-f', '-'], { input: rules, ...(signal === undefined ? {} : { signal }) }).catch((error: unknown) => {
    signal?.throwIfAborted();
    throw fail('network.firewall_failed', { reason: `nft cannot be run (${messageOf(error)}); install the package nftables` }, error);
  });
  if (result.exitCode === 0) return;
  const said = `${result.stderr}\n${result.stdout}`.split('\n').find((line) => line.trim() !== '') ?? `exit code ${result.exitCode}`;
  throw fail('network.firewall_failed', { reason: said.trim() });
}

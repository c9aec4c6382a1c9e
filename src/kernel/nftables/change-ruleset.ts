/**
 * Changes of nftables rules while the engine runs, by libnftables within this process: a network comes and goes
 * without a program. Where the library cannot be had, the program `nft` does it. Loaded with the first change.
 */
import { promisify } from 'node:util';
import { fail } from '#base/errors/failure.ts';
import { koffi } from '../libc.ts';
import { loadRuleset } from './load-ruleset.ts';

/** Applies rules in nft's language in one transaction. @returns what nft says against them; empty: applied */
type Apply = (rules: string) => Promise<string>;

// The library keeps state of its own beside its contexts: one change at a time in the whole process.
let last: Promise<unknown> = Promise.resolve();
let library: { readonly apply: Apply | undefined } | undefined;

/** All of the rules or none. @throws network.firewall_failed with what nft said */
export async function changeRuleset(rules: string): Promise<void> {
  library ??= { apply: loadLibrary() };
  if (library.apply === undefined) return await loadRuleset(rules);
  const { apply } = library;
  const change = last.then(() => apply(rules));
  last = change.catch(() => undefined);
  const said = (await change).split('\n').find((line) => line.trim() !== '');
  if (said !== undefined) throw fail('network.firewall_failed', { reason: said.trim() });
}

/** Undefined where there is no such library. */
function loadLibrary(): Apply | undefined {
  let nftables: ReturnType<typeof koffi.load>;
  try {
    nftables = koffi.load('libnftables.so.1');
  } catch {
    // The program may be there all the same, linked statically.
    return undefined;
  }
  const newContext = nftables.func('void *nft_ctx_new(uint32_t flags)');
  const freeContext = nftables.func('void nft_ctx_free(void *context)');
  const bufferErrors = nftables.func('int nft_ctx_buffer_error(void *context)');
  const bufferOutput = nftables.func('int nft_ctx_buffer_output(void *context)');
  const run = nftables.func('int nft_run_cmd_from_buffer(void *context, const char *commands)');
  const errors = nftables.func('const char *nft_ctx_get_error_buffer(void *context)');
  // A removal waits for the kernel, so that a thread of the pool does it.
  const runAsync = promisify(run.async) as (context: unknown, rules: string) => Promise<number>;
  return async (rules) => {
    // A new one each time: it knows nothing of what others have changed meanwhile. Its socket is of the caller's namespace.
    const context: unknown = newContext(0);
    try {
      bufferErrors(context);
      bufferOutput(context);
      if ((await runAsync(context, rules)) === 0) return '';
      const said = String(errors(context) ?? '');
      return said.trim() === '' ? 'nftables refused the rules' : said;
    } finally {
      freeContext(context);
    }
  };
}

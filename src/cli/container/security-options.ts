/** `--security-opt`: what is dealt with here, before the daemon sees it. */
import { readFileSync } from 'node:fs';
import { errnoText } from '#cli/errno-text.ts';
import { quoteText } from '#base/template/go-quote.ts';
import { compactJson } from './compact-json.ts';

/** The options with seccomp profiles in place of their files' names. @throws Error with Docker's texts */
export function withProfiles(options: readonly string[]): string[] {
  return options.map((option) => {
    const equals = option.indexOf('=');
    const separator = equals >= 0 ? equals : option.indexOf(':');
    const key = separator < 0 ? option : option.slice(0, separator);
    const value = separator < 0 ? '' : option.slice(separator + 1);
    if (value === '' && key !== 'no-new-privileges') throw new Error(`Invalid --security-opt: ${quoteText(option)}`);
    return key !== 'seccomp' || value === 'builtin' || value === 'unconfined' ? option : `seccomp=${readProfile(value)}`;
  });
}

function readProfile(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const reason = errnoText(error);
    throw new Error(`opening seccomp profile (${path}) failed: ${reason === 'is a directory' ? 'read' : 'open'} ${path}: ${reason}`, { cause: error });
  }
  try {
    return compactJson(text);
  } catch (error) {
    throw new Error(`compacting json for seccomp profile (${path}) failed: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** `systempaths=unconfined` shows all of /proc and /sys: it is told by empty lists of paths, not as an option. */
export function systemPaths(options: readonly string[]): { options: string[] | null; maskedPaths: string[] | null; readonlyPaths: string[] | null } {
  const isUnconfined = options.includes('systempaths=unconfined');
  const rest = options.filter((option) => option !== 'systempaths=unconfined');
  return { options: options.length === 0 ? null : rest, maskedPaths: isUnconfined ? [] : null, readonlyPaths: isUnconfined ? [] : null };
}

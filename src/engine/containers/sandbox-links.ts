/**
 * Docker's path to a container's network namespace, `/var/run/docker/netns/<id>`, which people's scripts
 * hand to `nsenter` and `ip`: a link to where the namespace really is kept.
 */
import { lstatSync, mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { shortIdentifier } from '#base/identifier.ts';
import type { Sandbox } from '#network/contract.ts';

const directory = '/run/docker/netns';
/** The host's own, of which engines side by side have one link. */
const hostName = 'default';
const shownDirectory = '/var/run/docker/netns';

export const sandboxLinks = {
  /** As `SandboxKey` shows it. */
  pathOf(sandbox: Sandbox): string {
    return `${shownDirectory}/${nameOf(sandbox)}`;
  },

  make(sandbox: Sandbox): void {
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    const link = join(directory, nameOf(sandbox));
    if (nameOf(sandbox) === hostName && lstatSync(link, { throwIfNoEntry: false }) !== undefined) return;
    rmSync(link, { force: true });
    symlinkSync(sandbox.namespacePath, link);
  },

  remove(sandbox: Sandbox): void {
    // Others may be in the host's.
    if (nameOf(sandbox) !== hostName) removeLink(join(directory, nameOf(sandbox)));
  },

  /** Removes links into `executionRoot` that no live sandbox owns. */
  repair(executionRoot: string, live: readonly Sandbox[]): void {
    const owned = new Set(live.map(nameOf));
    let names: string[];
    try {
      names = readdirSync(directory);
    } catch (error) {
      if (isGone(error)) return;
      throw error;
    }
    for (const name of names) {
      const link = join(directory, name);
      if (!owned.has(name) && targetOf(link)?.startsWith(`${executionRoot}/`) === true) removeLink(link);
    }
  },
};

function nameOf({ id, namespacePath }: Sandbox): string {
  return basename(namespacePath) === hostName ? hostName : shortIdentifier(id);
}

/** Undefined: it is no link, or another engine has removed it meanwhile. */
function targetOf(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch (error) {
    if (isGone(error) || (error instanceof Error && 'code' in error && error.code === 'EINVAL')) return undefined;
    throw error;
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** Only links are ours: another engine keeps real namespaces here. */
function removeLink(link: string): void {
  try {
    if (lstatSync(link).isSymbolicLink()) rmSync(link);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

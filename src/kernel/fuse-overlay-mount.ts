/** Overlays by the program fuse-overlayfs, for where the kernel's own cannot be mounted. It runs on by itself until the overlay is unmounted. */
import { accessSync, constants } from 'node:fs';
import { fail } from '#base/errors/failure.ts';
import type { OverlayMount } from './overlay-mount.ts';
import { runProgram } from './run-program.ts';

const program = 'fuse-overlayfs';
const places = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** Whether the program is there, and the device it needs. */
export function hasFuseOverlay(): boolean {
  const has = (path: string, mode: number): boolean => {
    try {
      accessSync(path, mode);
      return true;
    } catch {
      return false;
    }
  };
  return has('/dev/fuse', constants.R_OK | constants.W_OK) && places.some((place) => has(`${place}/${program}`, constants.X_OK));
}

/** @throws kernel.program_failed with what the program says */
export async function mountFuseOverlay({ home, lower, upper, work, target }: OverlayMount): Promise<void> {
  const data = `lowerdir=${lower.join(':')},upperdir=${upper},workdir=${work}`;
  const { exitCode, stderr } = await runProgram(program, ['-o', data, target], { workingDirectory: home });
  if (exitCode !== 0) throw fail('kernel.fuse_overlay_failed', { target: `${home}/${target}`, exitCode, reason: stderr.trim() });
}

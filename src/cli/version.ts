/** What this program is. The bundle replaces the commit by the one it was made from. */
declare const BUNDLED_COMMIT: string | undefined;

/** Dhow's own version. */
export const dhowVersion = '0.1.0';
/** The version of Docker's CLI whose texts and behaviour this program has. */
export const dockerVersion = '28.5.2';
export const sourceCommit = typeof BUNDLED_COMMIT === 'string' ? BUNDLED_COMMIT : 'development';

/** `docker --version` and `dhow --version`. */
export function versionLine(program: string): string {
  return program === 'docker' ? `Docker version ${dockerVersion}, build ${sourceCommit}` : `Dhow version ${dhowVersion}, build ${sourceCommit} (Docker ${dockerVersion})`;
}

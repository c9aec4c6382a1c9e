/** `--chown`: names and numbers as the image's own accounts have them. */
import { fail } from '#base/errors/failure.ts';
import { readFileInRoot } from '#kernel/read-file-in-root.ts';
import { parseGroup, parsePasswd } from '#runtime/users/account-files.ts';
import type { Owner } from './destination.ts';

/** @param root the image's mounted file system. Without a group the number of the user is the group's too. @throws build.step_failed */
export function copyOwner(root: string, chown: string): Owner {
  const [user = '', group = user, ...rest] = chown.split(':');
  if (rest.length > 0) throw refused('', `invalid chown string format: ${chown}`);
  const uid = numberOf(user) ?? parsePasswd(readFileInRoot(root, 'etc/passwd') ?? '').find(({ name }) => name === user)?.uid;
  if (uid === undefined) throw refused(`can't find uid for user ${user}: `, `no such user: ${user}`);
  const gid = numberOf(group) ?? parseGroup(readFileInRoot(root, 'etc/group') ?? '').find(({ name }) => name === group)?.gid;
  if (gid === undefined) throw refused(`can't find gid for group ${group}: `, `no such group: ${group}`);
  return { uid, gid };
}

function numberOf(text: string): number | undefined {
  // A negative number asks for no change of what is root's.
  return /^[+-]?\d+$/.test(text) ? Math.max(0, Number(text)) : undefined;
}

function refused(context: string, reason: string): Error {
  return fail('build.step_failed', { message: `unable to convert uid/gid chown string to host mapping: ${context}${reason}` });
}

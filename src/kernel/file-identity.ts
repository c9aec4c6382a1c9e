/**
 * File work as another user: what the calling thread makes belongs to them, while its capabilities stay. Needed on
 * idmapped mounts, where the host's root may have no number and could make nothing (setfsuid(2), capabilities(7)).
 */
import type { Owner } from '#base/identity-mapping.ts';
import { checked, declare } from './libc.ts';

const prctl = declare('int prctl(int option, unsigned long first, unsigned long second, unsigned long third, unsigned long fourth)');
const setfsuid = declare('int setfsuid(unsigned int uid)');
const setfsgid = declare('int setfsgid(unsigned int gid)');

const PR_GET_SECUREBITS = 27;
const PR_SET_SECUREBITS = 28;
/** Capabilities do not follow the user id. */
const SECBIT_NO_SETUID_FIXUP = 4;

/** Runs `work`, which must not be asynchronous, as `owner`; undefined: as who the thread is. @throws what `work` throws */
export function actingAs<T>(owner: Owner | undefined, work: () => T): T {
  if (owner === undefined) return work();
  using _acting = actAs(owner);
  return work();
}

/** Acts as `owner` until the result is disposed of, which must happen before the thread does anything else. */
export function actAs(owner: Owner): Disposable {
  const bits = checked(prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) as number, 'prctl');
  checked(prctl(PR_SET_SECUREBITS, bits | SECBIT_NO_SETUID_FIXUP, 0, 0, 0) as number, 'prctl', 'secure bits');
  const gid = setfsgid(owner.gid) as number;
  const uid = setfsuid(owner.uid) as number;
  return {
    [Symbol.dispose]() {
      setfsuid(uid);
      setfsgid(gid);
      checked(prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) as number, 'prctl', 'secure bits');
    },
  };
}

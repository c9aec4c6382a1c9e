/**
 * Users and bcrypt hashes from an htpasswd file, read again when it changes. A password that was right is remembered as
 * a keyed hash, since bcrypt is slow on purpose and clients send their password with every request.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { fail, messageOf } from '#base/errors/failure.ts';
import { Refusal } from '../http/refusal.ts';
import { PasswordChecker } from './password-checker.ts';

const bcryptHash = /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/;
/** Costs an unknown user's check what a known one's does; no password has it. */
const nobodysHash = '$2b$05$abcdefghijklmnopqrstuuQWqZbEAXAZ4c3ObCjXf0lLPB6fNDXtS';
/** Checks that may wait for each other. */
const mostWaiting = 64;
/** bcrypt looks at no more, in bytes. */
const longestPassword = 72;

export class HtpasswdFile {
  readonly #path: string;
  readonly #key = randomBytes(32);
  readonly #known = new Map<string, { readonly hash: string; readonly mark: Buffer }>();
  #users: ReadonlyMap<string, string> = new Map();
  #version = '';
  readonly #checker = new PasswordChecker();

  private constructor(path: string) {
    this.#path = path;
  }

  /** @throws registry_server.unreadable_file */
  static async open(path: string): Promise<HtpasswdFile> {
    const file = new HtpasswdFile(path);
    try {
      await file.#refresh();
    } catch (error) {
      throw fail('registry_server.unreadable_file', { what: 'the htpasswd file', path, reason: messageOf(error) }, error);
    }
    if (file.#users.size === 0) throw fail('registry_server.unreadable_file', { what: 'the htpasswd file', path, reason: 'it has no user with a bcrypt hash (make them with: htpasswd -B)' });
    return file;
  }

  /** @throws TOOMANYREQUESTS when too many wait already */
  async accepts(user: string, password: string): Promise<boolean> {
    await this.#refresh();
    const hash = this.#users.get(user);
    const mark = createHmac('sha256', this.#key).update(password).digest();
    const known = this.#known.get(user);
    if (known !== undefined && known.hash === hash && timingSafeEqual(known.mark, mark)) return true;
    if (Buffer.byteLength(password) > longestPassword) return false;
    if (this.#checker.waiting >= mostWaiting) throw new Refusal('TOOMANYREQUESTS', { message: 'too many passwords wait to be checked', headers: { 'Retry-After': '5' } });
    const right = (await this.#checker.check(password, hash ?? nobodysHash)) && hash !== undefined;
    if (right) this.#known.set(user, { hash, mark });
    return right;
  }

  async #refresh(): Promise<void> {
    const { mtimeMs, size, ino } = await stat(this.#path);
    const version = `${mtimeMs} ${size} ${ino}`;
    if (version === this.#version) return;
    const users = new Map<string, string>();
    for (const line of (await readFile(this.#path, 'utf8')).split('\n')) {
      const [user = '', hash = ''] = line.trim().split(':');
      if (user !== '' && !user.startsWith('#') && bcryptHash.test(hash)) users.set(user, hash);
    }
    this.#users = users;
    this.#known.clear();
    this.#version = version;
  }
}

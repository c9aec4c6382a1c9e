/**
 * Daemons behind SSH: `ssh://[user@]host[:port][/path/of/socket]`. Each connection is a run of ssh(1) with the far
 * command line's `system dial-stdio`, whose streams lead to the daemon there.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { Duplex } from 'node:stream';
import type { Endpoint } from '#client/endpoint.ts';
import { quoteText } from '#base/template/go-quote.ts';

/** Docker's name for whatever is behind a program. */
const standIn = 'http://docker.example.com';

/** @throws Error with Docker's texts */
export function sshEndpoint(text: string, program: string): Endpoint {
  const words = sshWords(text, program);
  return { kind: 'dialed', address: text, base: standIn, dial: () => new ProgramConnection(words) };
}

export function sshWords(text: string, program: string): readonly string[] {
  const invalid = (reason: string): Error => new Error(`ssh host connection is not valid: invalid SSH URL: ${reason}`);
  const [, rest = ''] = /^ssh:\/\/(.*)$/s.exec(text) ?? [];
  const [beforeFragment = '', ...fragment] = rest.split('#');
  const [target = '', ...query] = beforeFragment.split('?');
  const [, user, password, host = '', port = '', path = ''] = /^(?:([^@:/]*)(:[^@/]*)?@)?(\[[^\]]*\]|[^/:]*)(?::(\d*))?(\/.*)?$/s.exec(target) ?? [];
  if (password !== undefined) throw invalid('plain-text password is not supported');
  if (host === '') throw invalid('hostname is empty');
  if (query.length > 0) throw invalid(`query parameters are not allowed: ${quoteText(query.join('?'))}`);
  if (fragment.length > 0) throw invalid(`fragments are not allowed: ${quoteText(fragment.join('#'))}`);
  const socket = path === '' || path === '/' ? [] : ['--host', `unix://${path}`];
  return [
    'ssh', '-o', 'ConnectTimeout=30', '-T',
    ...(user === undefined || user === '' ? [] : ['-l', user]),
    ...(port === '' ? [] : ['-p', port]),
    '--', host.replace(/^\[(.*)\]$/, '$1'),
    program, ...socket, 'system', 'dial-stdio',
  ];
}

/** The two streams of a program as one connection. What it says when it fails is the connection's error. */
export class ProgramConnection extends Duplex {
  readonly #child: ChildProcess;
  readonly #words: readonly string[];
  #complaint = '';
  #received = false;

  constructor(words: readonly string[]) {
    super({ allowHalfOpen: true });
    this.#words = words;
    const [program = '', ...args] = words;
    // Of its own group: an interruption of ours must not reach it before we have said what we have to say.
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    const { stdin, stdout, stderr } = this.#child;
    this.#child.once('error', (error) => this.destroy(error));
    stderr?.setEncoding('utf8').on('data', (text: string) => (this.#complaint = `${this.#complaint}${text}`.slice(-4096)));
    stdout?.on('data', (chunk: Buffer) => {
      this.#received = true;
      if (!this.push(chunk)) stdout.pause();
    });
    // A program that has ended takes no more; `exit` tells why.
    stdin?.on('error', () => undefined);
    this.#child.once('close', (code, signal) => {
      if (code === 0 || this.#received) this.push(null);
      else this.destroy(this.#failure(signal === null ? `exit status ${String(code)}` : `signal: ${signal}`));
    });
  }

  override _read(): void {
    this.#child.stdout?.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const { stdin } = this.#child;
    // What broke is told by its end.
    if (stdin === null || !stdin.writable) return done();
    stdin.write(chunk, encoding, () => done());
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#child.stdin?.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#child.kill('SIGTERM');
    done(error);
  }

  ref(): void {
    this.#child.ref();
  }

  unref(): void {
    this.#child.unref();
    for (const stream of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) if (stream !== null && 'unref' in stream && typeof stream.unref === 'function') stream.unref();
  }

  #failure(how: string): Error {
    return new Error(`command [${this.#words.join(' ')}] has exited with ${how}, make sure the URL is valid, and Docker 18.09 or later is installed on the remote host: stderr=${this.#complaint}`);
  }
}

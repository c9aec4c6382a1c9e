/** A registry server as a process of its own, to be ended in every way. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../bin/dhow-registry.mjs', import.meta.url));

export class RegistryProcess implements AsyncDisposable {
  readonly root = mkdtempSync('/tmp/dhow-registry-');
  readonly #document: Readonly<Record<string, unknown>>;
  #child: ChildProcess | undefined;
  url = '';
  /** What it has said, and its access log. */
  said = '';
  output = '';

  private constructor(document: Readonly<Record<string, unknown>>) {
    this.#document = document;
  }

  static async start(document: Readonly<Record<string, unknown>> = {}): Promise<RegistryProcess> {
    const registry = new RegistryProcess(document);
    try {
      await registry.launch();
      return registry;
    } catch (error) {
      await registry[Symbol.asyncDispose]();
      throw error;
    }
  }

  get storage(): string {
    return join(this.root, 'storage');
  }

  /** Starts it, also again after it has ended. */
  async launch(): Promise<void> {
    const document = { listen: '127.0.0.1:0', storage: this.storage, ...this.#document };
    const child = spawn(process.execPath, [program, 'serve', JSON.stringify(document)], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    const before = this.said.length;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    child.stdout.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.said += text;
      const found = /serving (https?) on ([0-9.:]+),/.exec(this.said.slice(before));
      if (found !== null) resolve(`${found[1]}://${found[2]}`);
    });
    child.once('exit', (code) => reject(new Error(`the registry ended with exit code ${code}: ${this.said.slice(before)}`)));
    promise.catch(() => undefined);
    this.url = await promise;
  }

  /** Sends a signal and waits for the end. The exit code, or null when the signal has ended it. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
    return child.exitCode;
  }

  /** Waits for the end. The exit code. */
  async ended(): Promise<number | null> {
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    return child?.exitCode ?? null;
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL');
    rmSync(this.root, { recursive: true, force: true });
  }
}

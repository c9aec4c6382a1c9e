/**
 * A connection that Node has stopped to read, so that another process can serve it: what its client sends stays in
 * the kernel. Node offers that only inside, by the socket's handle.
 */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';

export class QuietConnection {
  readonly #handle: object;

  private constructor(handle: object) {
    this.#handle = handle;
  }

  /** Undefined for what is no plain socket, was read further than was used, or has not yet been written out. */
  static of(stream: Duplex): QuietConnection | undefined {
    if (!(stream instanceof Socket) || stream instanceof TLSSocket || stream.destroyed || !stream.writable) return undefined;
    const handle: unknown = Reflect.get(stream, '_handle');
    if (typeof handle !== 'object' || handle === null || !call(handle, 'readStop')) return undefined;
    Reflect.set(handle, 'reading', false);
    const connection = new QuietConnection(handle);
    if (stream.readableLength === 0 && stream.writableLength === 0 && connection.descriptor !== undefined) return connection;
    connection.wake();
    return undefined;
  }

  /** Undefined once it is closed. */
  get descriptor(): number | undefined {
    const fd: unknown = Reflect.get(this.#handle, 'fd');
    return typeof fd === 'number' && fd >= 0 ? fd : undefined;
  }

  /** Has it read here again. */
  wake(): void {
    if (this.descriptor === undefined) return;
    Reflect.set(this.#handle, 'reading', true);
    call(this.#handle, 'readStart');
  }
}

function call(handle: object, name: 'readStop' | 'readStart'): boolean {
  const method: unknown = Reflect.get(handle, name);
  if (typeof method !== 'function') return false;
  Reflect.apply(method, handle, []);
  return true;
}

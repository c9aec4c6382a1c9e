/** The key sequence that leaves a container running: how it is written, and finding it in what is typed. */

/** ctrl-p ctrl-q. */
export const defaultDetachKeys: readonly number[] = [16, 17];

/** `ctrl-p,ctrl-q`, `a,b`, `DEL`. @throws Error with Docker's text */
export function parseDetachKeys(text: string): number[] {
  return text.split(',').map((key) => {
    if (key === 'DEL') return 127;
    if (key.length === 1) return key.charCodeAt(0);
    const control = /^ctrl-(.)$/.exec(key)?.[1] ?? '';
    if (control >= 'a' && control <= 'z' && control !== '') return control.charCodeAt(0) - 96;
    const special = '@[\\]^_'.indexOf(control);
    if (control === '' || special < 0) throw new Error(`Unknown character: '${key}'`);
    return special === 0 ? 0 : 26 + special;
  });
}

/** Passes bytes on until the sequence is seen whole; the part of it that may yet become whole is held back. */
export class DetachKeyFilter {
  readonly #keys: readonly number[];
  #matched = 0;

  constructor(keys: readonly number[]) {
    this.#keys = keys;
  }

  /** `detached`: the sequence ended in `typed`; what follows it is dropped. */
  take(typed: Uint8Array): { pass: Buffer; detached: boolean } {
    if (this.#keys.length === 0) return { pass: Buffer.from(typed), detached: false };
    const pass: number[] = [];
    for (const byte of typed) {
      if (byte !== this.#keys[this.#matched]) {
        pass.push(...this.#keys.slice(0, this.#matched));
        this.#matched = 0;
      }
      if (byte !== this.#keys[this.#matched]) pass.push(byte);
      else if (++this.#matched === this.#keys.length) return { pass: Buffer.from(pass), detached: true };
    }
    return { pass: Buffer.from(pass), detached: false };
  }
}

/** Identifiers as Docker makes them: 64 lower-case hexadecimal digits, 12 of them in short form. */
/** A new random identifier. One in which the first 12 digits are all decimal is refused, as it could be read as a number. */
export function newIdentifier(): string {
  // Commands that only show identifiers need not wait for the module.
  const { randomBytes } = process.getBuiltinModule('node:crypto');
  for (;;) {
    const id = randomBytes(32).toString('hex');
    if (!/^[0-9]{12}/.test(id)) return id;
  }
}

/** The first 12 digits, without a digest's algorithm. */
export function shortIdentifier(id: string): string {
  const colon = id.indexOf(':');
  return id.slice(colon + 1, colon + 13);
}

/** A flag that cannot be read: unknown, without its argument, or with one of the wrong form. */
export class FlagFailure extends Error {
  override readonly name = 'FlagFailure';
}

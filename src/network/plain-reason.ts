/** What the kernel refused, without what only it knows of the reason. */

/** The kernel's answer in the words that Docker has for it. */
export function plainReason({ errno, reason }: Readonly<Record<string, unknown>>): string {
  return errno === 'EOPNOTSUPP' ? 'operation not supported' : String(reason).replace(/ \(.*\)$/, '').toLowerCase();
}

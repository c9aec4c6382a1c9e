/** `--metadata-file` of a build: what the daemon answered, as `docker buildx build` writes it. */

/** Values that are documents in base64 are written as such; keys are in order. */
export function buildMetadata(answer: Readonly<Record<string, string>>, { ref, provenance }: { ref: string; provenance: object | undefined }): string {
  const values: Record<string, string | object> = { ...answer, 'buildx.build.ref': `default/default/${ref}`, ...(provenance === undefined ? {} : { 'buildx.build.provenance': provenance }) };
  return JSON.stringify(Object.fromEntries(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => [name, (typeof value === 'string' ? documentIn(value) : undefined) ?? value])), undefined, 2);
}

function documentIn(value: string): object | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(value)) return undefined;
  try {
    const document: unknown = JSON.parse(Buffer.from(value, 'base64').toString('utf8'));
    return typeof document === 'object' && document !== null ? document : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

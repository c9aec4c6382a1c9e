/** One record of comma-separated values with Go's rules and errors, as `--mount` and `--network` are written. */

/** The fields. @throws Error with Go's texts */
export function parseCsvRecord(text: string): string[] {
  const line = text.split('\n', 1)[0] ?? '';
  if (line === '') throw new Error('EOF');
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    if (line[at] !== '"') {
      const comma = line.indexOf(',', at);
      const field = comma < 0 ? line.slice(at) : line.slice(at, comma);
      const bare = field.indexOf('"');
      if (bare >= 0) throw new Error(`parse error on line 1, column ${at + bare + 1}: bare " in non-quoted-field`);
      fields.push(field);
      if (comma < 0) return fields;
      at = comma + 1;
      continue;
    }
    let field = '';
    at++;
    for (;;) {
      const quoteAt = line.indexOf('"', at);
      if (quoteAt < 0) throw new Error(`parse error on line 1, column ${line.length + 1}: extraneous or missing " in quoted-field`);
      field += line.slice(at, quoteAt);
      at = quoteAt + 1;
      if (line[at] !== '"') break;
      field += '"';
      at++;
    }
    fields.push(field);
    if (at >= line.length) return fields;
    if (line[at] !== ',') throw new Error(`parse error on line 1, column ${at}: extraneous or missing " in quoted-field`);
    at++;
  }
}

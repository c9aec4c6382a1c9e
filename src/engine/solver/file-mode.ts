/** `--chmod`: an octal number, or symbolic changes as chmod(1) has them. */

const clause = /^([ugoa]*)((?:[-+=](?:[ugo]|[rwxXst]*))+)$/;

/** @throws Error with BuildKit's text */
export function checkFileMode(text: string): void {
  if (text === '') return;
  if (/^[0-7]+$/.test(text) && Number.parseInt(text, 8) <= 0o7777) return;
  if (!/^\d/.test(text) && text.split(',').every((part) => clause.test(part))) return;
  if (!/^\d/.test(text)) throw new Error('invalid syntax');
  throw new Error(`invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`);
}

/** A mode that passed {@link checkFileMode}, applied to a file's. */
export function applyFileMode(text: string, before: number, { directory }: { directory: boolean }): number {
  if (/^[0-7]+$/.test(text)) return Number.parseInt(text, 8);
  return text.split(',').reduce((mode, part) => applyClause(part, mode, directory), before);
}

function applyClause(part: string, before: number, directory: boolean): number {
  const [, who = '', changes = ''] = clause.exec(part) ?? [];
  const classes = who === '' || who.includes('a') ? 'ugo' : who;
  let mode = before;
  for (const [, operator, letters = ''] of changes.matchAll(/([-+=])([ugo]|[rwxXst]*)/g)) {
    const bits = /^[ugo]$/.test(letters) ? bitsLike(letters, classes, mode) : bitsOf(letters, classes, directory || (mode & 0o111) !== 0);
    if (operator === '+') mode |= bits;
    else if (operator === '-') mode &= ~bits;
    else mode = (mode & ~maskOf(classes)) | bits;
  }
  return mode;
}

const shifts: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 };

function maskOf(classes: string): number {
  return [...classes].reduce((mask, name) => mask | (7 << (shifts[name] ?? 0)) | (name === 'u' ? 0o4000 : name === 'g' ? 0o2000 : 0o1000), 0);
}

/** What one class may, for others. */
function bitsLike(name: string, classes: string, mode: number): number {
  const permissions = (mode >> (shifts[name] ?? 0)) & 7;
  return [...classes].reduce((bits, other) => bits | (permissions << (shifts[other] ?? 0)), 0);
}

function bitsOf(letters: string, classes: string, executable: boolean): number {
  let bits = 0;
  for (const name of classes) {
    const shift = shifts[name] ?? 0;
    for (const letter of letters) {
      if (letter === 'r') bits |= 4 << shift;
      else if (letter === 'w') bits |= 2 << shift;
      else if (letter === 'x' || (letter === 'X' && executable)) bits |= 1 << shift;
      else if (letter === 's') bits |= name === 'u' ? 0o4000 : name === 'g' ? 0o2000 : 0;
      else if (letter === 't') bits |= 0o1000;
    }
  }
  return bits;
}

/** `--volume`: which ones bind something, with Docker's errors. */
import { isAbsolute, resolve } from 'node:path';

/** The bind to send, or undefined when `text` names only a path in the container (an anonymous volume). */
export function bindOf(text: string): string | undefined {
  const source = sourceOf(text);
  if (source === undefined) return undefined;
  if (!/^[./~]|^\\\\|^[A-Za-z]:/.test(source)) return text;
  const cut = text.indexOf(':');
  const host = text.slice(0, cut);
  return !isAbsolute(host) && host.startsWith('.') ? `${resolve(host)}:${text.slice(cut + 1)}` : text;
}

function sourceOf(text: string): string | undefined {
  if (text === '') throw new Error('invalid empty volume spec');
  if ([...text].length <= 2) return undefined;
  const sections: string[] = [];
  let section = '';
  for (const character of text) {
    // A letter and a colon name a drive of Windows, which is no section.
    if (character === ':' && !/^\p{L}$/u.test(section)) {
      if (section === '') throw new Error(`invalid spec: ${text}: empty section between colons`);
      sections.push(section);
      if (sections.length > 2) throw new Error(`invalid spec: ${text}: too many colons`);
      section = '';
    } else section += character;
  }
  if (section === '') throw new Error(`invalid spec: ${text}: empty section between colons`);
  return sections[0];
}

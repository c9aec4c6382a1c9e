/** The name of the host's distribution, from os-release(5). */
import { readFileSync } from 'node:fs';

export function operatingSystemName(): string {
  for (const path of ['/etc/os-release', '/usr/lib/os-release']) {
    try {
      const value = /^PRETTY_NAME=(.*)$/m.exec(readFileSync(path, 'utf8'))?.[1];
      if (value !== undefined) return value.replace(/^(["'])(.*)\1$/, '$2');
    } catch {
      // The next place, or none.
    }
  }
  return 'Linux';
}

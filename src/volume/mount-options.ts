/** The comma-separated options of mount(8) as flags and data of mount(2). Pure. */
import { mountFlags } from '#kernel/mounts.ts';

const synchronous = 0x10;
const flagNames: Readonly<Record<string, { set: boolean; flag: number }>> = {
  defaults: { set: true, flag: 0 },
  ro: { set: true, flag: mountFlags.readOnly },
  rw: { set: false, flag: mountFlags.readOnly },
  suid: { set: false, flag: mountFlags.noSuid },
  nosuid: { set: true, flag: mountFlags.noSuid },
  dev: { set: false, flag: mountFlags.noDevices },
  nodev: { set: true, flag: mountFlags.noDevices },
  exec: { set: false, flag: mountFlags.noExecute },
  noexec: { set: true, flag: mountFlags.noExecute },
  sync: { set: true, flag: synchronous },
  async: { set: false, flag: synchronous },
  bind: { set: true, flag: mountFlags.bind },
  remount: { set: true, flag: mountFlags.remount },
  private: { set: true, flag: mountFlags.private },
  rprivate: { set: true, flag: mountFlags.private | mountFlags.recursive },
  slave: { set: true, flag: mountFlags.slave },
  rslave: { set: true, flag: mountFlags.slave | mountFlags.recursive },
  shared: { set: true, flag: mountFlags.shared },
  rshared: { set: true, flag: mountFlags.shared | mountFlags.recursive },
  dirsync: { set: true, flag: 0x80 },
  noatime: { set: true, flag: 0x400 },
  atime: { set: false, flag: 0x400 },
  nodiratime: { set: true, flag: 0x800 },
  diratime: { set: false, flag: 0x800 },
  relatime: { set: true, flag: 0x200000 },
  norelatime: { set: false, flag: 0x200000 },
  strictatime: { set: true, flag: 0x1000000 },
  nostrictatime: { set: false, flag: 0x1000000 },
  rbind: { set: true, flag: mountFlags.bind | mountFlags.recursive },
};

/** `shown`: flags and data as Docker's error text gives them. */
export function parseMountOptions(text: string): { flags: number; data: string; shown: string } {
  let flags = 0;
  const data: string[] = [];
  for (const word of text.split(',').filter((option) => option !== '')) {
    const known = flagNames[word];
    if (known === undefined) data.push(word);
    else flags = known.set ? flags | known.flag : flags & ~known.flag;
  }
  const shown = `${flags === 0 ? '' : `, flags: 0x${flags.toString(16)}`}${data.length === 0 ? '' : `, data: ${data.join(',')}`}`;
  return { flags, data: data.join(','), shown };
}

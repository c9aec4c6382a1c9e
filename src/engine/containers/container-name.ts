/** Names of containers: what is allowed, and made-up ones. */
import { randomInt } from 'node:crypto';

const allowed = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

export function isValidName(name: string): boolean {
  return allowed.test(name);
}

const qualities = [
  'able', 'agile', 'amber', 'ample', 'azure', 'bold', 'brave', 'bright', 'brisk', 'calm', 'candid', 'clear', 'clever', 'coastal', 'deft',
  'eager', 'early', 'easy', 'fair', 'fleet', 'fond', 'frank', 'fresh', 'gentle', 'glad', 'golden', 'grand', 'hardy', 'hearty', 'honest',
  'keen', 'kind', 'lively', 'lucid', 'lucky', 'mellow', 'merry', 'mighty', 'modest', 'neat', 'nimble', 'noble', 'patient', 'plucky',
  'polite', 'proud', 'quick', 'quiet', 'rapid', 'ready', 'rosy', 'sage', 'sharp', 'sincere', 'smart', 'snug', 'solid', 'spry', 'stable',
  'steady', 'stout', 'strong', 'sunny', 'swift', 'tidy', 'trim', 'true', 'upbeat', 'vivid', 'warm', 'wise', 'witty', 'zesty',
] as const;

const sailors = [
  'amundsen', 'anson', 'baffin', 'barents', 'bass', 'battuta', 'beaufort', 'bering', 'blackborow', 'bligh', 'bougainville', 'bowditch',
  'cabot', 'cabral', 'cano', 'cartier', 'chichester', 'cook', 'cousteau', 'dampier', 'davis', 'diaz', 'drake', 'eannes', 'earle',
  'eriksson', 'fitzroy', 'flinders', 'franklin', 'frobisher', 'gama', 'grenfell', 'halley', 'harrison', 'hawkins', 'henry', 'heyerdahl',
  'hornblower', 'hudson', 'jourdain', 'knox', 'kupe', 'laperouse', 'lapita', 'macarthur', 'magellan', 'majid', 'maury', 'mercator',
  'moitessier', 'nansen', 'nordenskiold', 'pytheas', 'raleigh', 'ross', 'scoresby', 'shackleton', 'sindbad', 'slocum', 'sopranino',
  'tabarly', 'tasman', 'torres', 'tupaia', 'vancouver', 'vespucci', 'weddell', 'worsley', 'zheng',
] as const;

/** A name nobody holds, such as `swift_tupaia`. */
export function makeName(isTaken: (name: string) => boolean): string {
  for (let attempt = 0; ; attempt++) {
    const base = `${qualities[randomInt(qualities.length)]}_${sailors[randomInt(sailors.length)]}`;
    const name = attempt < 3 ? base : `${base}${randomInt(10 ** Math.min(attempt, 9))}`;
    if (!isTaken(name)) return name;
  }
}

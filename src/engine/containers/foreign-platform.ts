/** What is said of an image that is not made for this machine and was not asked for as such. */
import { processorLevel } from '#kernel/processors.ts';
import type { Image } from '#image/contract.ts';
import { formatPlatform, hostPlatform, runsOn } from '#oci/platform.ts';

/** Docker's warning; none where the image runs here. */
export function foreignPlatformWarning(image: Pick<Image, 'os' | 'architecture' | 'variant'>): string[] {
  const host = hostPlatform();
  const offered = { os: image.os, architecture: image.architecture, ...(image.variant !== undefined && { variant: image.variant }) };
  if (image.architecture === '' || runsOn(host, offered)) return [];
  // Levels of x86-64 are variants; all that this machine has is asked for only where the plain architecture does not do.
  const level = processorLevel();
  const detected = level === undefined ? host : { ...host, variant: level };
  if (runsOn(detected, offered)) return [];
  return [`The requested image's platform (${formatPlatform(offered)}) does not match the detected host platform (${formatPlatform(detected)}) and no specific platform was requested`];
}

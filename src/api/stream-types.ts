/** Media types of hijacked and log streams. */

/** Bytes as they are: a terminal's, or those of an API version below 1.42. */
export const rawStream = 'application/vnd.docker.raw-stream';

/** Frames of eight bytes of header and their content, one stream per frame (API 1.42 and newer say so). */
export const multiplexedStream = 'application/vnd.docker.multiplexed-stream';

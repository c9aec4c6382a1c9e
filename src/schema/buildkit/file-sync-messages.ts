/** The protocol that carries a directory (tonistiigi/fsutil: types). */
import { bigInteger, bytes, integer, map, messageType, nested, text, type MessageOf } from '#base/protobuf/message-type.ts';

/** `mode` has Go's bits for the kind of file; `modified` is in nanoseconds since 1970. */
export const Stat = messageType({
  path: text(1), mode: integer(2), uid: integer(3), gid: integer(4), size: integer(5), modified: bigInteger(6), linkName: text(7), deviceMajor: integer(8), deviceMinor: integer(9), extendedAttributes: map(10, bytes(2)),
});
export type Stat = MessageOf<typeof Stat>;

export const packetTypes = { stat: 0, request: 1, data: 2, finish: 3, error: 4 } as const;
export const Packet = messageType({ type: integer(1), stat: nested(2, Stat), id: integer(3), data: bytes(4) });
export type Packet = MessageOf<typeof Packet>;

/** Bits of Go's `fs.FileMode` above the permissions. */
export const goModes = { directory: 2 ** 31, symlink: 2 ** 27, device: 2 ** 26, namedPipe: 2 ** 25, socket: 2 ** 24, setuid: 2 ** 23, setgid: 2 ** 22, characterDevice: 2 ** 21, sticky: 2 ** 20 } as const;

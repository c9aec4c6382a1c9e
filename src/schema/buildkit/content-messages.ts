/** Messages of containerd's content service, as far as builds use it: blobs of a client's directory, and of builds that are remembered (containerd 2.1, api/services/content/v1). */
import { bytes, integer, map, messageType, nested, text } from '#base/protobuf/message-type.ts';
import { Timestamp } from './common-messages.ts';

const service = '/containerd.services.content.v1.Content';
export const contentMethods = { info: `${service}/Info`, read: `${service}/Read`, write: `${service}/Write` } as const;
/** Metadata that says which of a client's stores is meant. */
export const storeIdKey = 'buildkit-attachable-store-id';
export const writeActions = { stat: 0, write: 1, commit: 2 } as const;

export const InfoRequest = messageType({ digest: text(1) });
export const ContentInfo = messageType({ digest: text(1), size: integer(2), createdAt: nested(3, Timestamp), updatedAt: nested(4, Timestamp), labels: map(5, text(2)) });
export const InfoResponse = messageType({ info: nested(1, ContentInfo) });
export const ReadRequest = messageType({ digest: text(1), offset: integer(2), size: integer(3) });
export const ReadResponse = messageType({ offset: integer(1), data: bytes(2) });
export const WriteRequest = messageType({ action: integer(1), ref: text(2), total: integer(3), expected: text(4), offset: integer(5), data: bytes(6), labels: map(7, text(2)) });
export const WriteResponse = messageType({ action: integer(1), startedAt: nested(2, Timestamp), updatedAt: nested(3, Timestamp), offset: integer(4), total: integer(5), digest: text(6) });

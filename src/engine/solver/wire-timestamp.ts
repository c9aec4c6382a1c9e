/** Times as `google.protobuf.Timestamp`. */
import { formatTimestamp, nowNanoseconds } from '#base/timestamp.ts';
import type { Timestamp } from '#schema/buildkit/common-messages.ts';

/** @param moment nanoseconds since 1970; now unless given */
export function timestampOf(moment: bigint = nowNanoseconds()): Timestamp {
  return { seconds: Number(moment / 1_000_000_000n), nanos: Number(moment % 1_000_000_000n) };
}

/** RFC 3339; undefined: never. */
export function textOf(moment: Timestamp | undefined): string | undefined {
  return moment && formatTimestamp(BigInt(moment.seconds) * 1_000_000_000n + BigInt(moment.nanos));
}

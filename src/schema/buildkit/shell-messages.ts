/** Messages of the shell in a failed step's state: our own service of a build's client, beside BuildKit's. */
import { bytes, flag, integer, messageType, nested, text, texts, type MessageOf } from '#base/protobuf/message-type.ts';

export const TerminalSize = messageType({ rows: integer(1), columns: integer(2) });

/** An empty command: the best shell there is. */
export const ShellStart = messageType({ command: texts(1), terminal: flag(2), size: nested(3, TerminalSize) });

/** From the client: first the start, then what is typed. */
export const ShellInput = messageType({ start: nested(1, ShellStart), data: bytes(2), size: nested(3, TerminalSize), ended: flag(4) });
export type ShellInput = MessageOf<typeof ShellInput>;

/** From the daemon: first which step failed and how, then output (stream 1 or 2), then the end. */
export const ShellOutput = messageType({ step: text(1), failure: text(2), stream: integer(3), data: bytes(4), exited: flag(5), exitCode: integer(6) });
export type ShellOutput = MessageOf<typeof ShellOutput>;

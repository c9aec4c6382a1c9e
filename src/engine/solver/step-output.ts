/** The output of a step's process, as the attach stream carries it: frames of a header and bytes (Engine API, "Stream format"). */
const frameHeader = 8;

export async function readOutput(stream: AsyncIterable<Buffer>, onOutput: (stream: 1 | 2, chunk: Buffer) => void | Promise<void>): Promise<void> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= frameHeader) {
      const length = rest.readUInt32BE(4);
      if (rest.length < frameHeader + length) break;
      await onOutput(rest[0] === 2 ? 2 : 1, Buffer.from(rest.subarray(frameHeader, frameHeader + length)));
      rest = rest.subarray(frameHeader + length);
    }
  }
}

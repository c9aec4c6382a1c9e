/** An event of `GET /events`, in its JSON spelling. Its time is exact, which a JSON number read as a double is not. */
export interface EventMessage {
  status?: string;
  id?: string;
  from?: string;
  Type: 'container' | 'image' | 'network' | 'volume' | 'daemon' | 'plugin' | 'builder';
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
  scope: 'local';
  time: number;
  timeNano: bigint;
}

/** The event's JSON, on one line without its end. */
export function formatEvent(event: EventMessage): string {
  const { timeNano, ...rest } = event;
  return `${JSON.stringify(rest).slice(0, -1)},"timeNano":${timeNano}}`;
}

/** Reads what {@link formatEvent} or a Docker daemon wrote. @throws SyntaxError for what is no JSON */
export function parseEvent(text: string): EventMessage {
  const event = JSON.parse(text) as Omit<EventMessage, 'timeNano'> & { timeNano?: number };
  // The field is the last one, so that nothing an event carries can be taken for it.
  const exact = /"timeNano":(\d+)\}\s*$/.exec(text)?.[1];
  return { ...event, timeNano: exact === undefined ? BigInt(event.timeNano ?? 0) : BigInt(exact) };
}

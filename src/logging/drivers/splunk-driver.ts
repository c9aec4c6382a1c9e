/** The splunk driver: batches of events for Splunk's HTTP Event Collector. */
import { randomUUID } from 'node:crypto';
import { request as requestHttp, type IncomingMessage } from 'node:http';
import { Agent, request as requestHttps } from 'node:https';
import { hostname } from 'node:os';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { describeNetworkError } from '#registry/go-network-error.ts';
import { goJson } from './go-json-text.ts';
import { extraAttributes, tagOf } from './log-attributes.ts';
import type { LogDriver, LogInfo, LogMessage, LogSink } from './log-driver.ts';
import { readBoolean, refuse, refuseUnknown } from './refuse.ts';
import { tlsOptions } from './tls-options.ts';
import { parseUrl } from './url-address.ts';
import { quoteText } from '#base/template/go-quote.ts';

type Options = Readonly<Record<string, string>>;

const known: ReadonlySet<string> = new Set([
  'splunk-url', 'splunk-token', 'splunk-source', 'splunk-sourcetype', 'splunk-index', 'splunk-capath', 'splunk-caname', 'splunk-insecureskipverify',
  'splunk-format', 'splunk-verify-connection', 'splunk-gzip', 'splunk-gzip-level', 'splunk-index-acknowledgment',
]);
const collector = '/services/collector/event/1.0';
/** Milliseconds, as in Docker's driver. */
const answerTimeout = 30_000;
const longestAnswer = 1024;
const compress = promisify(gzip);

export const splunkDriver: LogDriver = {
  gathering: 1000,

  validate: (options) => refuseUnknown(options, known, (name) => `unknown log opt '${name}' for splunk log driver`),

  async open(info, signal) {
    const { options } = info;
    const target = targetOf(options);
    const flag = (name: string): boolean => options[name] !== undefined && readBoolean(options[name]);
    const agent = target.protocol === 'https:'
      ? new Agent({ keepAlive: true, ...tlsOptions({ ca: options['splunk-capath'], certificate: undefined, key: undefined, skipVerify: flag('splunk-insecureskipverify'), serverName: options['splunk-caname'] }) })
      : undefined;
    const compressed = flag('splunk-gzip');
    const level = levelOf(options['splunk-gzip-level']);
    const acknowledged = flag('splunk-index-acknowledgment');
    const encode = encoderOf(info);
    const call = async (method: string, body: Buffer | undefined, headers: Record<string, string>, limit: AbortSignal): Promise<IncomingMessage> =>
      ask(target, { method, body, headers, agent, signal: limit });
    if (options['splunk-verify-connection'] === undefined || readBoolean(options['splunk-verify-connection'])) await verify(call, target, signal);
    checkFormat(options);
    return {
      async send(messages, limit) {
        const events = messages.map(encode).join('');
        if (events === '') return;
        const body = compressed ? await compress(Buffer.from(events), { level }) : Buffer.from(events);
        const headers = {
          Authorization: `Splunk ${options['splunk-token'] ?? ''}`,
          ...(compressed && { 'Content-Encoding': 'gzip' }),
          ...(acknowledged && { 'X-Splunk-Request-Channel': randomUUID() }),
        };
        const answer = await call('POST', body, headers, AbortSignal.any([limit, AbortSignal.timeout(answerTimeout)]));
        const text = await textOf(answer);
        if (answer.statusCode !== 200) throw refuse(`splunk: failed to send event - ${answer.statusCode} ${answer.statusMessage} - ${text}`);
      },
      close: () => agent?.destroy(),
    } satisfies LogSink;
  },
};

type Call = (method: string, body: Buffer | undefined, headers: Record<string, string>, signal: AbortSignal) => Promise<IncomingMessage>;

async function verify(call: Call, target: URL, signal: AbortSignal): Promise<void> {
  let answer: IncomingMessage;
  try {
    answer = await call('OPTIONS', undefined, {}, AbortSignal.any([signal, AbortSignal.timeout(answerTimeout)]));
  } catch (error) {
    signal.throwIfAborted();
    throw refuse(`Options ${quoteText(target.href)}: ${describeNetworkError(error, target.hostname)}`);
  }
  const text = await textOf(answer);
  if (answer.statusCode !== 200) throw refuse(`splunk: failed to verify connection - ${answer.statusCode} ${answer.statusMessage} - ${text}`);
}

async function ask(target: URL, options: { method: string; body: Buffer | undefined; headers: Record<string, string>; agent: Agent | undefined; signal: AbortSignal }): Promise<IncomingMessage> {
  const { method, body, headers, agent, signal } = options;
  const length = { 'Content-Length': String(body?.length ?? 0) };
  const request = agent === undefined
    ? requestHttp(target, { method, headers: { ...headers, ...length }, signal })
    : requestHttps(target, { method, headers: { ...headers, ...length }, agent, signal });
  request.end(body);
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  return answer;
}

async function textOf(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of answer) text += String(chunk);
  return text.slice(0, longestAnswer);
}

function targetOf(options: Options): URL {
  const text = options['splunk-url'];
  if (text === undefined) throw refuse('splunk: splunk-url is expected');
  let url;
  try {
    url = parseUrl(text);
  } catch {
    throw refuse(`splunk: failed to parse ${text} as url value in splunk-url`);
  }
  const usable = (url.scheme === 'http' || url.scheme === 'https') && url.hostname !== '' && (url.path === '' || url.path === '/') && url.query === '' && url.fragment === '';
  if (!usable) throw refuse('splunk: expected format scheme://dns_name_or_ip:port for splunk-url');
  if (options['splunk-token'] === undefined) throw refuse('splunk: splunk-token is expected');
  return new URL(`${url.scheme}://${url.host}${collector}`);
}

function levelOf(text: string | undefined): number {
  if (text === undefined) return -1;
  if (!/^[+-]?\d+$/.test(text)) throw refuse(`strconv.ParseInt: parsing ${quoteText(text)}: invalid syntax`);
  const level = Number(text);
  if (level < -1 || level > 9) throw refuse(`not supported level '${text}' for splunk-gzip-level (supported values between -1 and 9)`);
  return level;
}

function checkFormat(options: Options): void {
  const format = options['splunk-format'] ?? 'inline';
  if (!['inline', 'json', 'raw'].includes(format)) throw refuse(`unknown format specified ${format}, supported formats are inline, json and raw`);
}

/** An event's JSON; empty for what the collector takes no event for. */
function encoderOf(info: LogInfo): (message: LogMessage) => string {
  const { options } = info;
  const tag = options['tag'] === '' ? '' : tagOf(info);
  const attributes = extraAttributes(info);
  const pairs = Object.entries(attributes);
  const named = (name: string, value: string | undefined): string => (value === undefined || value === '' ? '' : `,"${name}":${goJson(value)}`);
  const attached = `${named('tag', tag)}${pairs.length === 0 ? '' : `,"attrs":{${pairs.map(([key, value]) => `${goJson(key)}:${goJson(value)}`).join(',')}}`}`;
  const tail = `,"host":${goJson(hostname())}${named('source', options['splunk-source'])}${named('sourcetype', options['splunk-sourcetype'])}${named('index', options['splunk-index'])}}`;
  const prefix = `${tag === '' ? '' : `${tag} `}${pairs.map(([key, value]) => `${key}=${value} `).join('')}`;
  const format = options['splunk-format'] ?? 'inline';
  return (message) => {
    const line = message.line.toString();
    if (format === 'raw' && line.trim() === '') return '';
    const content = format === 'json' && isJson(line) ? line.trim() : goJson(line);
    const event = format === 'raw' ? goJson(prefix + line) : `{"line":${content},"source":"${message.stream}"${attached}}`;
    return `{"event":${event},"time":"${(message.time / 1_000_000_000n).toString()}.${String((message.time % 1_000_000_000n) / 1000n).padStart(6, '0')}"${tail}`;
  };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

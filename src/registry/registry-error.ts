/** What a registry answers when it refuses (OCI distribution-spec, error codes), as Docker tells it. */
import { fail, isFailure, type EngineError } from '#base/errors/failure.ts';
import { parseChallenges } from './challenge.ts';
import type { Answer } from './http-exchange.ts';
import { readAnswer } from './read-answer.ts';

const largestRefusal = 64 * 1024;

/** Codes with the message that adds nothing to them. */
const plainMessages: Readonly<Record<string, string>> = {
  BLOB_UNKNOWN: 'blob unknown to registry',
  DENIED: 'requested access to the resource is denied',
  DIGEST_INVALID: 'provided digest did not match uploaded content',
  MANIFEST_INVALID: 'manifest invalid',
  MANIFEST_UNKNOWN: 'manifest unknown',
  NAME_INVALID: 'invalid repository name',
  NAME_UNKNOWN: 'repository name not known to registry',
  TAG_INVALID: 'manifest tag did not match URI',
  TOOMANYREQUESTS: 'too many requests',
  UNAUTHORIZED: 'authentication required',
  UNAVAILABLE: 'service unavailable',
  UNKNOWN: 'unknown error',
  UNSUPPORTED: 'The operation is unsupported.',
};

interface RegistryFault {
  readonly code: string;
  /** Empty when the code says it all. */
  readonly message: string;
}

/** The error for an answer that is none of the expected; reads its body. */
export async function refusalOf(answer: Answer): Promise<EngineError> {
  if (answer.status < 400 || answer.status > 499) {
    answer.body.resume();
    return fail('registry.unexpected_answer', { message: `received unexpected HTTP status: ${answer.statusText}`, status: answer.status, ...retryAfter(answer) });
  }
  const text = (await readAnswer(answer.body, 'error', largestRefusal)).toString('utf8');
  const fromHeader = challengeFault(answer);
  const faults = [...(fromHeader === undefined ? [] : [fromHeader]), ...faultsOf(answer, text)];
  const [first = { code: 'UNKNOWN', message: text }] = faults;
  const words = faults.map(describe);
  return fail('registry.refused', { message: faults.length === 1 ? describe(first) : `errors:\n${words.map((line) => `${line}\n`).join('')}`, fault: first.code, detailed: first.message !== '', first: describe(first), status: answer.status, ...retryAfter(answer) });
}

/** A registry's refusal as an error of the same kind, as the API passes it on; any other error as it is. */
export function ofItsKind(error: unknown): unknown {
  if (!isFailure(error, 'registry.refused')) return error;
  const { details } = error;
  switch (details['fault']) {
    case 'MANIFEST_UNKNOWN':
    case 'NAME_UNKNOWN':
    case 'BLOB_UNKNOWN':
      return fail('registry.not_found', details, error);
    case 'UNAUTHORIZED':
      return fail('registry.login_refused', details, error);
    case 'DENIED':
      return fail('registry.denied', details, error);
    case 'NAME_INVALID':
    case 'TAG_INVALID':
    case 'DIGEST_INVALID':
    case 'MANIFEST_INVALID':
      return fail('registry.invalid_parameter', details, error);
    default:
      return error;
  }
}

/** Seconds until the registry may be asked again, where it says so. */
function retryAfter({ headers }: Answer): { retryAfter?: number } {
  const text = headers['retry-after'] ?? '';
  const seconds = /^\d+$/.test(text) ? Number(text) : Math.ceil((Date.parse(text) - Date.now()) / 1000);
  return Number.isFinite(seconds) ? { retryAfter: Math.max(0, seconds) } : {};
}

function challengeFault(answer: Answer): RegistryFault | undefined {
  for (const { scheme, parameters } of parseChallenges(answer.headers['www-authenticate'])) {
    const code = scheme === 'bearer' ? { invalid_token: 'UNAUTHORIZED', insufficient_scope: 'DENIED' }[parameters.get('error') ?? ''] : undefined;
    if (code !== undefined) return { code, message: parameters.get('error_description') ?? plainMessages[code] ?? '' };
  }
  return undefined;
}

function faultsOf(answer: Answer, text: string): RegistryFault[] {
  const type = (answer.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase();
  const byStatus = (message: string): RegistryFault[] => [{ code: { 401: 'UNAUTHORIZED', 403: 'DENIED', 429: 'TOOMANYREQUESTS' }[answer.status] ?? 'UNKNOWN', message }];
  if (type !== 'application/json' && type !== 'application/vnd.api+json') return byStatus(text);
  const document = parseObject(text);
  if (typeof document?.['details'] === 'string' && document['details'] !== '') return byStatus(document['details']);
  const errors = document === undefined ? undefined : (document['errors'] ?? document['Errors']);
  const faults = Array.isArray(errors) ? errors.flatMap(readFault) : [];
  if (faults.length > 0) return faults;
  if (answer.status === 401) return [{ code: 'UNAUTHORIZED', message: plainMessages['UNAUTHORIZED'] ?? '' }];
  const reason = document === undefined ? 'invalid character' : 'no error details found in HTTP response body';
  return [{ code: '', message: `error parsing HTTP ${answer.status} response body: ${reason}: ${JSON.stringify(text)}` }];
}

function readFault(entry: unknown): RegistryFault[] {
  if (typeof entry !== 'object' || entry === null) return [];
  const { code, message, detail } = entry as { code?: unknown; message?: unknown; detail?: unknown };
  const known = typeof code === 'string' && Object.hasOwn(plainMessages, code) ? code : 'UNKNOWN';
  const words = typeof message === 'string' ? message : '';
  const bare = (detail === undefined || detail === null) && (words === '' || words === plainMessages[known]);
  return [{ code: known, message: bare ? '' : words }];
}

function describe({ code, message }: RegistryFault): string {
  if (code === '') return message;
  const words = code.toLowerCase().replaceAll('_', ' ');
  return message === '' ? words : `${words}: ${message}`;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    // Told as what it is by the caller.
    return undefined;
  }
}

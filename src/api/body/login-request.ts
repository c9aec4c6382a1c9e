/** The body of `POST /auth`: Go's `registry.AuthConfig`. */
import type { JsonDocument } from '#base/json-document.ts';
import type { LoginRequest } from '#schema/registry-views.ts';
import { struct, text } from '#base/json-shape.ts';
import { decode } from './decode.ts';

const loginRequest = struct<LoginRequest>('registry.AuthConfig', {
  username: text(),
  password: text(),
  serveraddress: text(),
  identitytoken: text(),
  registrytoken: text(),
});

/** @throws api.invalid_json */
export function decodeLoginRequest(document: JsonDocument): LoginRequest {
  return decode(loginRequest, document, 'AuthConfig');
}

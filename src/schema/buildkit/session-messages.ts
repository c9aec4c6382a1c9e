/** Messages of the services that a build's client offers (moby/buildkit v0.25: session/auth, session/secrets, session/sshforward). */
import { bytes, integer, map, messageType, text, texts } from '#base/protobuf/message-type.ts';

export const CredentialsRequest = messageType({ host: text(1) });
export const CredentialsResponse = messageType({ userName: text(1), secret: text(2) });
export const FetchTokenRequest = messageType({ clientId: text(1), host: text(2), realm: text(3), service: text(4), scopes: texts(5) });
export const FetchTokenResponse = messageType({ token: text(1), expiresIn: integer(2), issuedAt: integer(3) });
export const GetSecretRequest = messageType({ id: text(1), annotations: map(2, text(2)) });
export const GetSecretResponse = messageType({ data: bytes(1) });
export const CheckAgentRequest = messageType({ id: text(1) });

/** Paths of their methods. */
export const sessionMethods = {
  fileSync: '/moby.filesync.v1.FileSync/DiffCopy',
  packedFiles: '/dhow.build.v1.Directory/Send',
  fileSend: '/moby.filesync.v1.FileSend/DiffCopy',
  credentials: '/moby.filesync.v1.Auth/Credentials',
  fetchToken: '/moby.filesync.v1.Auth/FetchToken',
  getSecret: '/moby.buildkit.secrets.v1.Secrets/GetSecret',
  checkAgent: '/moby.sshforward.v1.SSH/CheckAgent',
  forwardAgent: '/moby.sshforward.v1.SSH/ForwardAgent',
  openShell: '/dhow.build.v1.Shell/Open',
  pullUpload: '/moby.upload.v1.Upload/Pull',
} as const;

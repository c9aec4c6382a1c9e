/** What a registry server is told to do. Made by `configuration.ts`; everything here is checked and complete. */
import type { AccessRule } from './auth/access-rules.ts';

export interface ListenAddress {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

export interface TlsOptions {
  readonly certificate: string;
  readonly key: string;
  /** Clients must show a certificate of one of these authorities. */
  readonly clientAuthorities: string | undefined;
}

/** Tokens of an outside token server. */
export interface OutsideTokens {
  readonly realm: string;
  readonly service: string;
  readonly issuer: string;
  /** A JSON Web Key Set, or PEM with certificates or public keys. */
  readonly keys: string;
}

export type AuthenticationOptions =
  | { readonly kind: 'none' }
  | { readonly kind: 'basic'; readonly htpasswd: string }
  /** Tokens made here for the users of the htpasswd file. */
  | { readonly kind: 'own-tokens'; readonly htpasswd: string; readonly service: string; readonly lifetime: number }
  | { readonly kind: 'outside-tokens'; readonly tokens: OutsideTokens };

export interface UpstreamOptions {
  /** The first part of the names of its copies, and the `ns` clients may ask with: `docker.io`. */
  readonly name: string;
  readonly url: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** How long a tag is taken to be as it was last seen, in milliseconds. */
  readonly tagLifetime: number;
  /** Certificates are not looked at. */
  readonly insecure: boolean;
  readonly certificateAuthorities: string | undefined;
}

export interface ServerOptions {
  readonly listen: ListenAddress;
  readonly storage: string;
  readonly tls: TlsOptions | undefined;
  readonly authentication: AuthenticationOptions;
  readonly access: readonly AccessRule[];
  /** The address clients know this server by, where it is behind a proxy: `https://registry.example`. */
  readonly externalUrl: string | undefined;
  readonly readOnly: boolean;
  readonly allowDelete: boolean;
  /** Indexes may name manifests that are not here. */
  readonly allowSparseIndexes: boolean;
  readonly upstreams: readonly UpstreamOptions[];
  /** The upstream meant by names that begin with none. */
  readonly defaultUpstream: string | undefined;
  readonly garbage: {
    /** Milliseconds; 0: only when asked. */
    readonly interval: number;
    readonly grace: number;
    readonly uploadLifetime: number;
    readonly untagged: boolean;
    /** How long copies of an upstream are kept that nobody asks for; 0: for ever. */
    readonly copyLifetime: number;
  };
  /** A path, `-` for standard output, or undefined for none. */
  readonly accessLog: string | undefined;
  /** Where `/metrics` is served, to anyone; undefined: on the registry's own address, to its users. */
  readonly metricsListen: ListenAddress | undefined;
  readonly limits: {
    /** Milliseconds for the head of a request. */
    readonly headers: number;
    /** Milliseconds a connection may be silent in the middle of a request. */
    readonly silence: number;
    /** Bytes a second a body must bring on average, from its second minute on. */
    readonly slowest: number;
    readonly connections: number;
    /** Milliseconds for requests under way when the server is told to end. */
    readonly shutdown: number;
  };
}

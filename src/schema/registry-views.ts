/** Registry bodies of the Engine API 1.51. */

export interface LoginRequest {
  readonly username: string;
  readonly password: string;
  readonly serveraddress: string;
  readonly identitytoken: string;
  readonly registrytoken: string;
}

export interface LoginAnswer {
  /** To log in with instead of the password; empty: none. */
  readonly IdentityToken: string;
  readonly Status: string;
}

export interface SearchResult {
  readonly star_count: number;
  readonly is_official: boolean;
  readonly name: string;
  readonly is_automated: boolean;
  readonly description: string;
}

export interface PlatformView {
  readonly architecture: string;
  readonly os: string;
  readonly 'os.version'?: string;
  readonly 'os.features'?: readonly string[];
  readonly variant?: string;
}

export interface DistributionView {
  readonly Descriptor: { readonly mediaType: string; readonly digest: string; readonly size: number };
  readonly Platforms: readonly PlatformView[] | null;
}

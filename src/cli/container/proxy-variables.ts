/** The proxy variables that the user's configuration gives to containers. */
import type { ProxySettings } from '#cli/configuration/client-configuration.ts';

/** In upper and lower case; those of the daemon's address win over the default ones. */
export function proxyVariables(proxies: Readonly<Record<string, ProxySettings>> | undefined, daemonAddress: string): readonly (readonly [name: string, value: string])[] {
  const settings = proxies?.[daemonAddress] ?? proxies?.['default'];
  if (settings === undefined) return [];
  const values = [
    ['HTTP_PROXY', settings.httpProxy], ['HTTPS_PROXY', settings.httpsProxy], ['NO_PROXY', settings.noProxy], ['FTP_PROXY', settings.ftpProxy], ['ALL_PROXY', settings.allProxy],
  ] as const;
  return values.flatMap(([name, value]) => (value === undefined || value === '' ? [] : [[name, value] as const, [name.toLowerCase(), value] as const]));
}

/**
 * Which endpoint a method and path belong to. Paths are literal, or have one `{name}` that stands for any
 * text, slashes included, as in Docker's router.
 */
import type { Handler, HijackHandler } from './exchange.ts';

export type Route =
  | {
      readonly method: string;
      readonly path: string;
      readonly handler: Handler;
      readonly hijack?: never;
      /**
       * Of requests that last: `stream` goes on when the engine is handed over to another daemon, since all it needs is there;
       * `watch` is of what only the next daemon knows, and is cut then. Undefined: is finished before.
       */
      readonly lasting?: 'stream' | 'watch' | undefined;
    }
  | { readonly method: string; readonly path: string; readonly hijack: HijackHandler; readonly handler?: never; readonly lasting?: never };

export interface RouteMatch {
  readonly route: Route;
  readonly name: string;
}

interface Pattern {
  readonly prefix: string;
  readonly suffix: string;
  readonly route: Route;
}

export class RouteTable {
  readonly #literal = new Map<string, RouteMatch>();
  readonly #patterns = new Map<string, Pattern[]>();

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const [prefix = '', suffix] = route.path.split('{name}');
      if (suffix === undefined) {
        this.#literal.set(`${route.method} ${route.path}`, { route, name: '' });
        continue;
      }
      const patterns = this.#patterns.get(route.method);
      if (patterns === undefined) this.#patterns.set(route.method, [{ prefix, suffix, route }]);
      else patterns.push({ prefix, suffix, route });
    }
  }

  /** @param path decoded, without version prefix and query */
  find(method: string, path: string): RouteMatch | undefined {
    const literal = this.#literal.get(`${method} ${path}`);
    if (literal !== undefined) return literal;
    const pattern = this.#patterns
      .get(method)
      ?.find(({ prefix, suffix }) => path.length >= prefix.length + suffix.length && path.startsWith(prefix) && path.endsWith(suffix));
    if (pattern === undefined) return undefined;
    return { route: pattern.route, name: path.slice(pattern.prefix.length, path.length - pattern.suffix.length) };
  }
}

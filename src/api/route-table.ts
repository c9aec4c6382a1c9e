/**
 * Which endpoint a method and path belong to. Paths are literal, or have one `{name}` that stands for any
 * text, slashes included, as in Docker's router, and may then end with a `{part}` that stands for one without.
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
  /** What ends the path is one part of any name. */
  readonly open: boolean;
  readonly route: Route;
}

export class RouteTable {
  readonly #literal = new Map<string, RouteMatch>();
  readonly #patterns = new Map<string, Pattern[]>();

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const [prefix = '', rest] = route.path.split('{name}');
      if (rest === undefined) {
        this.#literal.set(`${route.method} ${route.path}`, { route, name: '' });
        continue;
      }
      const open = rest.endsWith('/{part}');
      const pattern = { prefix, suffix: open ? rest.slice(0, -'{part}'.length) : rest, open, route };
      const patterns = this.#patterns.get(route.method);
      if (patterns === undefined) this.#patterns.set(route.method, [pattern]);
      else patterns.push(pattern);
    }
  }

  /** @param path decoded, without version prefix and query */
  find(method: string, path: string): RouteMatch | undefined {
    const literal = this.#literal.get(`${method} ${path}`);
    if (literal !== undefined) return literal;
    for (const pattern of this.#patterns.get(method) ?? []) {
      const closed = pattern.open ? path.slice(0, path.lastIndexOf('/') + 1) : path;
      const { prefix, suffix, route } = pattern;
      if (closed.length < prefix.length + suffix.length || !closed.startsWith(prefix) || !closed.endsWith(suffix)) continue;
      return { route, name: closed.slice(prefix.length, closed.length - suffix.length) };
    }
    return undefined;
  }
}

// Turns modules into functions that are called when something of theirs is used for the first time, however many modules
// name them before: so a command evaluates what it needs, of ours as of Node's. Sound because the product's modules do
// nothing but define when they are evaluated.
import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { transform } from 'esbuild';

// How esbuild writes exports, imports and dynamic imports as CommonJS.
const exportsPattern = /^var (\w+_exports) = \{\};\n__export\(\1, \{\n([^]*?)\n\}\);\nmodule\.exports = __toCommonJS\(\1\);\n/m;
const importPattern = /^var (import_\w+) = require\("([^"]+)"\);\n/gm;
const dynamicImportPattern = /__toESM\(require\("([^"]+)"\)\)/g;

/** Modules below the directory `root` by their paths there, and Node's by their names. */
export class LazyModules {
  #root;
  #define;
  #modules = new Map();
  #leftOut = new Set();

  constructor(root, define) {
    this.#root = root;
    this.#define = define;
  }

  /** Reads a module and all it leads to, but not what `isLeftOut` says of dynamic imports. Returns the paths, `path` first. */
  async add(path, isLeftOut) {
    const found = [];
    const waiting = [path];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (this.#modules.has(next)) continue;
      const module = isBuiltin(next) ? { needed: [], later: [] } : await this.#read(next);
      this.#modules.set(next, module);
      found.push(next);
      waiting.push(...module.needed);
      for (const one of module.later) if (isLeftOut(one)) this.#leftOut.add(one); else waiting.push(one);
    }
    return found;
  }

  /** Reads what was left out, with all it leads to. */
  async addRest() {
    const found = [];
    for (const path of this.#leftOut) found.push(...(await this.add(path, () => false)));
    return found;
  }

  /** The function that evaluates a module. `use` gives the exports of the module of a number, `made` has those that are there. */
  text(path, numbers) {
    const number = numbers.get(path);
    if (isBuiltin(path)) return `() => made[${number}] = native(${JSON.stringify(path)})`;
    const { exports, body } = this.#modules.get(path);
    // Kept before the body runs, as modules may need one another.
    return `() => {\nconst exports = made[${number}] = ${exports};\n${body((needed) => `(use(${numbers.get(needed)}))`)}\nreturn exports;\n}`;
  }

  async #read(path) {
    const { code } = await transform(readFileSync(join(this.#root, path), 'utf8'), {
      loader: 'ts', format: 'cjs', platform: 'node', target: 'node24', supported: { 'dynamic-import': false, using: true }, define: this.#define, sourcefile: path,
    });
    const imported = new Map(Array.from(code.matchAll(importPattern), ([, name, specifier]) => [name, located(specifier, path)]));
    const declared = exportsPattern.exec(code);
    // What stands before that is esbuild's own way of linking.
    const start = declared === null ? Math.max(code.search(/^var import_/m), 0) : declared.index + declared[0].length;
    const rest = code.slice(start).replace(/\n\/\/ Annotate the CommonJS export names[^]*$/, '').replaceAll(importPattern, '');
    const helpers = Array.from(code.slice(0, start).matchAll(/^var (__\w+) =/gm), ([, name]) => `\\b${name}\\b`);
    const strange = new RegExp(['\\bimport_\\w+\\b(?!\\.)', '\\brequire\\(', '\\bmodule\\.exports\\b', ...helpers].join('|')).exec(rest.replaceAll(dynamicImportPattern, ''));
    if (strange !== null) throw new Error(`${path} cannot be bundled: esbuild writes "${strange[0]}" in a way that is unknown here`);
    return {
      needed: [...imported.values()],
      later: Array.from(code.matchAll(dynamicImportPattern), ([, specifier]) => located(specifier, path)),
      exports: `{ ${(declared?.[2] ?? '').replaceAll(/^\s*(\w+): \(\) => (\w+),?$/gm, 'get $1() { return $2; },')} }`,
      body: (reference) => rest.replaceAll(/\bimport_\w+\b/g, (name) => reference(imported.get(name))).replaceAll(dynamicImportPattern, (_, specifier) => reference(located(specifier, path))),
    };
  }
}

function located(specifier, from) {
  if (isBuiltin(specifier)) return specifier;
  if (specifier.startsWith('#')) return `src/${specifier.slice(1)}`;
  if (specifier.startsWith('.')) return join(dirname(from), specifier);
  throw new Error(`${from} imports ${specifier}, for which the bundle has no place`);
}

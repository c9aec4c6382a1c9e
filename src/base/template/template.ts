/** A Go template: parsed once, executed over any number of values. */
import { builtinFunctions } from './builtin-functions.ts';
import type { GoValue } from './go-value.ts';
import { TemplateExecutor } from './template-executor.ts';
import type { TemplateFunctions } from './template-function.ts';
import { parseTemplateText, type ParsedTemplate } from './template-parser.ts';

export class Template {
  readonly #name: string;
  readonly #text: string;
  readonly #trees: ReadonlyMap<string, ParsedTemplate>;
  readonly #functions: TemplateFunctions;

  /**
   * @param functions what it may call besides Go's own
   * @throws template.syntax
   */
  constructor(name: string, text: string, functions: TemplateFunctions) {
    this.#name = name;
    this.#text = text;
    this.#functions = functions;
    this.#trees = parseTemplateText(name, text, (word) => functions.has(word) || builtinFunctions.has(word));
  }

  /**
   * What the template makes of a value.
   * @param options.functions take the place of those it was parsed with
   * @param options.missingKeyFails whether a key that a map lacks is an error
   * @throws template.execution; what came before is lost
   */
  execute(dot: GoValue | undefined, options: { functions?: TemplateFunctions; missingKeyFails?: boolean } = {}): string {
    const parts: string[] = [];
    this.executeTo((text) => parts.push(text), dot, options);
    return parts.join('');
  }

  /** As {@link execute}, handing on each piece as it is made, up to an error. */
  executeTo(
    write: (text: string) => void, dot: GoValue | undefined,
    { functions = this.#functions, missingKeyFails = false }: { functions?: TemplateFunctions; missingKeyFails?: boolean } = {},
  ): void {
    const template = this.#trees.get(this.#name) ?? { name: this.#name, statements: [] };
    const context = { name: this.#name, text: this.#text, trees: this.#trees, functions, missingKeyFails, write };
    new TemplateExecutor(context, template, dot).run(dot);
  }
}

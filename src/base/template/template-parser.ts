/** Parses a template into a tree for each template it defines. Errors are Go's, line and all. */
import { fail } from '../errors/failure.ts';
import { quoteText, unquoteText } from './go-quote.ts';
import { parseCharacterConstant, parseComplexConstant, parseNumberConstant } from './number-constant.ts';
import { TemplateLexer } from './template-lexer.ts';
import {
  printNode, type BranchNode, type ClosingNode, type CommandNode, type OperandNode, type PipeNode, type StatementNode,
  type TemplateNode, type VariableNode,
} from './template-node.ts';
import { describeToken, type Token, type TokenType } from './template-token.ts';

export interface ParsedTemplate {
  readonly name: string;
  readonly statements: readonly StatementNode[];
}

interface Shared {
  readonly lexer: TemplateLexer;
  readonly parsedName: string;
  readonly isFunction: (name: string) => boolean;
  readonly trees: Map<string, ParsedTemplate>;
}

/**
 * @param name of the whole template; those defined inside have their own.
 * @throws template.syntax
 */
export function parseTemplateText(
  name: string, text: string, isFunction: (name: string) => boolean,
): ReadonlyMap<string, ParsedTemplate> {
  const trees = new Map<string, ParsedTemplate>();
  new TreeParser({ lexer: new TemplateLexer(text), parsedName: name, isFunction, trees }).parseWhole(name);
  return trees;
}

/** Whether there is nothing but white space in it. */
function isEmpty(statements: readonly StatementNode[]): boolean {
  return statements.every((node) => node.kind === 'text' && node.text.trim() === '');
}

function isClosing(node: StatementNode | ClosingNode): node is ClosingNode {
  return node.kind === 'end' || node.kind === 'else';
}

const operandStarts: ReadonlySet<TokenType> = new Set<TokenType>([
  'bool literal', 'character literal', 'complex literal', 'dot', 'field', 'identifier', 'number literal', 'nil',
  'raw string literal', 'string literal', 'variable', 'left parenthesis',
]);

class TreeParser {
  readonly #shared: Shared;
  // The token read last, whose line errors name, and those put back.
  #latest: Token | undefined;
  readonly #putBack: Token[] = [];
  #variables: string[] = ['$'];
  #actionLine = 0;
  #rangeDepth = 0;

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  parseWhole(name: string): void {
    const statements: StatementNode[] = [];
    while (this.#peek().type !== 'end of text') {
      if (this.#peek().type === 'left delimiter') {
        const delimiter = this.#next();
        const word = this.#nextNonSpace();
        if (word.type === 'define') {
          new TreeParser(this.#shared).#definition();
          continue;
        }
        this.#putBack.push(word, delimiter);
      }
      const node = this.#textOrAction();
      if (isClosing(node)) return this.#fail(`unexpected ${printNode(node)}`);
      statements.push(node);
    }
    this.#add(name, statements);
  }

  #fail(message: string): never {
    const line = this.#latest?.line ?? 0;
    throw fail('template.syntax', { message: `template: ${this.#shared.parsedName}:${line}: ${message}` });
  }

  #unexpected(token: Token, context: string): never {
    if (token.type !== 'error') this.#fail(`unexpected ${describeToken(token)} in ${context}`);
    let started = '';
    if (this.#actionLine !== 0 && this.#actionLine !== token.line) {
      const place = `started at ${this.#shared.parsedName}:${this.#actionLine}`;
      started = token.text.endsWith(' action') ? ` ${place}` : ` in action ${place}`;
    }
    this.#fail(`${token.text}${started}`);
  }

  #next(): Token {
    const again = this.#putBack.pop();
    if (again !== undefined) return again;
    this.#latest = this.#shared.lexer.next();
    return this.#latest;
  }

  #peek(): Token {
    const token = this.#next();
    this.#putBack.push(token);
    return token;
  }

  #nextNonSpace(): Token {
    for (;;) {
      const token = this.#next();
      if (token.type !== 'space') return token;
    }
  }

  #peekNonSpace(): Token {
    const token = this.#nextNonSpace();
    this.#putBack.push(token);
    return token;
  }

  #expect(types: readonly TokenType[], context: string): Token {
    const token = this.#nextNonSpace();
    return types.includes(token.type) ? token : this.#unexpected(token, context);
  }

  #add(name: string, statements: readonly StatementNode[]): void {
    const { trees } = this.#shared;
    const before = trees.get(name);
    if (before === undefined || isEmpty(before.statements)) trees.set(name, { name, statements });
    else if (!isEmpty(statements)) this.#fail(`template: multiple definition of template ${quoteText(name)}`);
  }

  #definition(): void {
    const context = 'define clause';
    const name = this.#literal(this.#expect(['string literal', 'raw string literal'], context));
    this.#expect(['right delimiter'], context);
    this.#body(name, context);
  }

  #body(name: string, context: string, blame: TreeParser = this): void {
    const { list, closing } = this.#list();
    if (closing.kind !== 'end') blame.#fail(`unexpected ${printNode(closing)} in ${context}`);
    this.#add(name, list);
  }

  #literal(token: Token): string {
    return unquoteText(token.text) ?? this.#fail('invalid syntax');
  }

  #list(): { list: StatementNode[]; closing: ClosingNode } {
    const list: StatementNode[] = [];
    while (this.#peekNonSpace().type !== 'end of text') {
      const node = this.#textOrAction();
      if (isClosing(node)) return { list, closing: node };
      list.push(node);
    }
    return this.#fail('unexpected EOF');
  }

  #textOrAction(): StatementNode | ClosingNode {
    const token = this.#nextNonSpace();
    if (token.type === 'text') return { kind: 'text', position: token.position, text: token.text };
    if (token.type !== 'left delimiter') return this.#unexpected(token, 'input');
    this.#actionLine = token.line;
    const node = this.#action();
    this.#actionLine = 0;
    return node;
  }

  #action(): StatementNode | ClosingNode {
    const token = this.#nextNonSpace();
    switch (token.type) {
      case 'block': return this.#block();
      case 'template': return this.#template();
      case 'break':
      case 'continue': return this.#jump(token, token.type);
      case 'if':
      case 'range':
      case 'with': return this.#branch(token.type);
      case 'end': return { kind: 'end', position: this.#expect(['right delimiter'], 'end').position };
      case 'else': return this.#else();
      default: {
        this.#putBack.push(token);
        return { kind: 'action', position: token.position, pipe: this.#pipeline('command', 'right delimiter') };
      }
    }
  }

  #jump(word: Token, kind: 'break' | 'continue'): StatementNode {
    const token = this.#nextNonSpace();
    if (token.type !== 'right delimiter') this.#unexpected(token, `{{${kind}}}`);
    if (this.#rangeDepth === 0) this.#fail(`{{${kind}}} outside {{range}}`);
    return { kind, position: word.position };
  }

  #else(): ClosingNode {
    const next = this.#peekNonSpace();
    // Of `else if` and `else with` the second word is left for the branch to see.
    if (next.type === 'if' || next.type === 'with') return { kind: 'else', position: next.position };
    return { kind: 'else', position: this.#expect(['right delimiter'], 'else').position };
  }

  #branch(kind: BranchNode['kind']): BranchNode {
    const known = this.#variables.length;
    const pipe = this.#pipeline(kind, 'right delimiter');
    if (kind === 'range') this.#rangeDepth++;
    const { list, closing } = this.#list();
    if (kind === 'range') this.#rangeDepth--;
    let otherwise: StatementNode[] | undefined;
    if (closing.kind === 'else') {
      if (kind !== 'range' && this.#peek().type === kind) {
        this.#next();
        otherwise = [this.#branch(kind)];
      } else {
        const last = this.#list();
        otherwise = last.list;
        if (last.closing.kind !== 'end') this.#fail(`expected end; found ${printNode(last.closing)}`);
      }
    }
    this.#variables.length = known;
    return { kind, position: pipe.position, pipe, list, otherwise };
  }

  #block(): TemplateNode {
    const context = 'block clause';
    const token = this.#nextNonSpace();
    const name = this.#templateName(token, context);
    const pipe = this.#pipeline(context, 'right delimiter');
    new TreeParser(this.#shared).#body(name, context, this);
    return { kind: 'template', position: token.position, name, pipe };
  }

  #template(): TemplateNode {
    const context = 'template clause';
    const token = this.#nextNonSpace();
    const name = this.#templateName(token, context);
    const next = this.#nextNonSpace();
    if (next.type === 'right delimiter') return { kind: 'template', position: token.position, name, pipe: undefined };
    this.#putBack.push(next);
    return { kind: 'template', position: token.position, name, pipe: this.#pipeline(context, 'right delimiter') };
  }

  #templateName(token: Token, context: string): string {
    if (token.type === 'string literal' || token.type === 'raw string literal') return this.#literal(token);
    return this.#unexpected(token, context);
  }

  #pipeline(context: string, end: TokenType): PipeNode {
    const { position } = this.#peekNonSpace();
    const variables: VariableNode[] = [];
    const assigns = this.#declarations(context, variables);
    const commands: CommandNode[] = [];
    for (;;) {
      const token = this.#nextNonSpace();
      if (token.type === end) break;
      if (!operandStarts.has(token.type)) this.#unexpected(token, context);
      this.#putBack.push(token);
      commands.push(this.#command());
    }
    this.#checkPipeline(commands, context);
    return { kind: 'pipe', position, assigns, variables, commands };
  }

  /** Fills `variables`; true if they are assigned, not declared. */
  #declarations(context: string, variables: VariableNode[]): boolean {
    for (;;) {
      const variable = this.#peekNonSpace();
      if (variable.type !== 'variable') return false;
      this.#next();
      const after = this.#peek();
      const next = this.#peekNonSpace();
      const isDeclaration = next.type === 'assign' || next.type === 'declare';
      if (!isDeclaration && !(next.type === 'character' && next.text === ',')) {
        if (after.type === 'space') this.#putBack.push(after);
        this.#putBack.push(variable);
        return false;
      }
      this.#nextNonSpace();
      variables.push({ kind: 'variable', position: variable.position, name: variable.text, fields: [] });
      this.#variables.push(variable.text);
      if (isDeclaration) return next.type === 'assign';
      if (context !== 'range' || variables.length >= 2) this.#fail(`too many declarations in ${context}`);
      const second = this.#peekNonSpace().type;
      if (second !== 'variable' && second !== 'right delimiter' && second !== 'right parenthesis') {
        this.#fail('range can only initialize variables');
      }
    }
  }

  #checkPipeline(commands: readonly CommandNode[], context: string): void {
    if (commands.length === 0) this.#fail(`missing value for ${context}`);
    commands.slice(1).forEach((command, index) => {
      const kind = command.operands[0]?.kind;
      if (kind === 'bool' || kind === 'dot' || kind === 'nil' || kind === 'number' || kind === 'string') {
        this.#fail(`non executable command in pipeline stage ${index + 2}`);
      }
    });
  }

  #command(): CommandNode {
    const { position } = this.#peekNonSpace();
    const operands: OperandNode[] = [];
    for (;;) {
      this.#peekNonSpace();
      const operand = this.#operand();
      if (operand !== undefined) operands.push(operand);
      const token = this.#next();
      if (token.type === 'space') continue;
      if (token.type === 'right delimiter' || token.type === 'right parenthesis') this.#putBack.push(token);
      else if (token.type !== 'pipe') this.#unexpected(token, 'operand');
      break;
    }
    if (operands.length === 0) this.#fail('empty command');
    return { kind: 'command', position, operands };
  }

  #operand(): OperandNode | undefined {
    const node = this.#term();
    if (node === undefined || this.#peek().type !== 'field') return node;
    const { position } = this.#peek();
    const fields: string[] = [];
    while (this.#peek().type === 'field') fields.push(this.#next().text.slice(1));
    switch (node.kind) {
      case 'field': return { kind: 'field', position, names: [...node.names, ...fields] };
      case 'variable': return { kind: 'variable', position, name: node.name, fields: [...node.fields, ...fields] };
      case 'bool':
      case 'string':
      case 'number':
      case 'nil':
      case 'dot': return this.#fail(`unexpected . after term ${quoteText(printNode(node))}`);
      default: return { kind: 'chain', position, node, fields };
    }
  }

  #term(): OperandNode | undefined {
    const token = this.#nextNonSpace();
    const { position, text } = token;
    switch (token.type) {
      case 'identifier':
        if (!this.#shared.isFunction(text)) this.#fail(`function ${quoteText(text)} not defined`);
        return { kind: 'identifier', position, name: text };
      case 'dot': return { kind: 'dot', position };
      case 'nil': return { kind: 'nil', position };
      case 'variable':
        if (!this.#variables.includes(text)) this.#fail(`undefined variable ${quoteText(text)}`);
        return { kind: 'variable', position, name: text, fields: [] };
      case 'field': return { kind: 'field', position, names: [text.slice(1)] };
      case 'bool literal': return { kind: 'bool', position, value: text === 'true' };
      case 'character literal':
      case 'complex literal':
      case 'number literal': return this.#number(token);
      case 'left parenthesis': return this.#pipeline('parenthesized pipeline', 'right parenthesis');
      case 'string literal':
      case 'raw string literal': return { kind: 'string', position, quoted: text, text: this.#literal(token) };
      default:
        this.#putBack.push(token);
        return undefined;
    }
  }

  #number(token: Token): OperandNode {
    const parse = token.type === 'character literal' ? parseCharacterConstant
      : token.type === 'complex literal' ? parseComplexConstant : parseNumberConstant;
    const constant = parse(token.text);
    if (typeof constant === 'string') this.#fail(constant);
    return { kind: 'number', position: token.position, constant };
  }
}

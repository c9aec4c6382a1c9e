/**
 * Runs a parsed template over a value. Errors are Go's: where in the template, in which one, at
 * which node, and why.
 */
import { fail, isFailure } from '../errors/failure.ts';
import { builtinFunctions } from './builtin-functions.ts';
import { formatPrint, formatValue, isInteger, printable } from './go-format.ts';
import { quoteText } from './go-quote.ts';
import { textLength } from './go-text.ts';
import { anyType, isAssignable, isSigned, isUnsigned, methodOf, reflectType, type GoSignature, type GoType } from './go-type.ts';
import {
  elementsOf, entriesOf, goBool, goComplex, goFloat, goInt, goString, indirect, integerOf, sortedEntries, targetOf,
  truthOf, unboxed, zeroOf, type GoCallable, type GoValue,
} from './go-value.ts';
import { fieldByName } from './struct-field.ts';
import {
  printNode, type AnyNode, type BranchNode, type ChainNode, type CommandNode, type IdentifierNode, type NumberNode,
  type OperandNode, type PipeNode, type StatementNode, type TemplateNode, type VariableNode,
} from './template-node.ts';
import type { TemplateFunctions } from './template-function.ts';
import type { ParsedTemplate } from './template-parser.ts';

type Operand = GoValue | undefined;
/** The value a pipeline hands on: absent for its first command. */
type Final = { readonly value: Operand } | undefined;
type Jump = 'break' | 'continue' | undefined;

const maximumDepth = 100_000;

/** What the executions of one template share. */
export interface ExecutionContext {
  readonly name: string;
  readonly text: string;
  readonly trees: ReadonlyMap<string, ParsedTemplate>;
  readonly functions: TemplateFunctions;
  /** Whether a key that a map lacks is an error. */
  readonly missingKeyFails: boolean;
  readonly write: (text: string) => void;
}

export class TemplateExecutor {
  readonly #context: ExecutionContext;
  readonly #template: ParsedTemplate;
  readonly #depth: number;
  #variables: { readonly name: string; value: Operand }[];
  #node: AnyNode | undefined;

  constructor(context: ExecutionContext, template: ParsedTemplate, dot: Operand, depth = 0) {
    this.#context = context;
    this.#template = template;
    this.#depth = depth;
    this.#variables = [{ name: '$', value: dot }];
  }

  /** @throws template.execution */
  run(dot: Operand): void {
    this.#walkList(dot, this.#template.statements);
  }

  #fail(message: string): never {
    const { name, text } = this.#context;
    const { name: own } = this.#template;
    if (this.#node === undefined) throw fail('template.execution', { message: `template: ${own}: ${message}` });
    const before = text.slice(0, this.#node.position);
    const line = before.split('\n');
    const place = `${name}:${line.length}:${textLength(line.at(-1) ?? '')}`;
    const shown = `template: ${place}: executing ${quoteText(own)} at <${printNode(this.#node)}>: ${message}`;
    throw fail('template.execution', { message: shown });
  }

  #walkList(dot: Operand, list: readonly StatementNode[]): Jump {
    for (const node of list) {
      const jump = this.#walk(dot, node);
      if (jump !== undefined) return jump;
    }
    return undefined;
  }

  #walk(dot: Operand, node: StatementNode): Jump {
    this.#node = node;
    switch (node.kind) {
      case 'text':
        this.#context.write(node.text);
        return undefined;
      case 'action': {
        const value = this.#pipeline(dot, node.pipe);
        if (node.pipe.variables.length === 0) this.#print(node, value);
        return undefined;
      }
      case 'if':
      case 'with': return this.#walkCondition(dot, node);
      case 'range': return this.#walkRange(dot, node);
      case 'template': return this.#walkTemplate(dot, node);
      default: return node.kind;
    }
  }

  #walkCondition(dot: Operand, node: BranchNode): Jump {
    const mark = this.#variables.length;
    const value = this.#pipeline(dot, node.pipe);
    const isTrue = truthOf(value);
    const jump = isTrue
      ? this.#walkList(node.kind === 'with' ? value : dot, node.list)
      : this.#walkList(dot, node.otherwise ?? []);
    this.#variables.length = mark;
    return jump;
  }

  #walkRange(dot: Operand, node: BranchNode): Jump {
    const mark = this.#variables.length;
    const { value } = indirect(this.#pipeline(dot, node.pipe));
    const bodyMark = this.#variables.length;
    let ran = false;
    for (const [key, element] of this.#items(value, node)) {
      ran = true;
      this.#setLoopVariables(node.pipe, key, element);
      const jump = this.#walkList(element, node.list);
      this.#variables.length = bodyMark;
      if (jump === 'break') break;
    }
    const jump = ran ? undefined : this.#walkList(dot, node.otherwise ?? []);
    this.#variables.length = mark;
    return jump;
  }

  * #items(value: Operand, node: BranchNode): Generator<readonly [Operand, GoValue]> {
    if (value === undefined) return;
    const { kind } = value.type;
    if (kind === 'slice' || kind === 'array') {
      for (const [at, element] of elementsOf(value).entries()) yield [goInt(at), element];
    } else if (kind === 'map') {
      yield* sortedEntries(value);
    } else if (isInteger(value.type)) {
      if (node.pipe.variables.length > 1) this.#fail(`can't use ${formatValue(value)} to iterate over more than one variable`);
      for (let at = 0n; at < integerOf(value); at++) yield [undefined, { type: value.type, data: at }];
    } else if (!(kind === 'interface' && value.data === null)) {
      this.#fail(`range can't iterate over ${formatValue(value)}`);
    }
  }

  #setLoopVariables({ variables, assigns }: PipeNode, key: Operand, element: GoValue): void {
    const [first, second] = variables;
    if (first === undefined) return;
    if (assigns) {
      this.#assign(first.name, second === undefined ? element : key);
      if (second !== undefined) this.#assign(second.name, element);
      return;
    }
    const top = this.#variables.length;
    const last = this.#variables[top - 1];
    if (last !== undefined) last.value = element;
    const beforeLast = this.#variables[top - 2];
    if (second !== undefined && beforeLast !== undefined) beforeLast.value = key;
  }

  #walkTemplate(dot: Operand, node: TemplateNode): Jump {
    const template = this.#context.trees.get(node.name);
    if (template === undefined) return this.#fail(`template ${quoteText(node.name)} not defined`);
    if (this.#depth === maximumDepth) this.#fail(`exceeded maximum template depth (${maximumDepth})`);
    const value = node.pipe === undefined ? undefined : this.#pipeline(dot, node.pipe);
    new TemplateExecutor(this.#context, template, value, this.#depth + 1).run(value);
    return undefined;
  }

  #assign(name: string, value: Operand): void {
    const variable = this.#variables.findLast((known) => known.name === name);
    if (variable === undefined) this.#fail(`undefined variable: ${name}`);
    variable.value = value;
  }

  #pipeline(dot: Operand, pipe: PipeNode): Operand {
    this.#node = pipe;
    let final: Final;
    for (const command of pipe.commands) final = { value: unboxed(this.#command(dot, command, final)) };
    const value = final?.value;
    for (const variable of pipe.variables) {
      if (pipe.assigns) this.#assign(variable.name, value);
      else this.#variables.push({ name: variable.name, value });
    }
    return value;
  }

  #command(dot: Operand, command: CommandNode, final: Final): Operand {
    const { operands } = command;
    const [first] = operands;
    if (first === undefined) return this.#fail('empty command');
    switch (first.kind) {
      case 'field':
        this.#node = first;
        return this.#fieldChain(dot, dot, first, first.names, operands, final);
      case 'chain': return this.#chain(dot, first, operands, final);
      case 'identifier': return this.#function(dot, first, command, operands, final);
      case 'pipe':
        this.#refuseOperands(operands, final);
        return this.#pipeline(dot, first);
      case 'variable': return this.#variable(dot, first, operands, final);
      default: break;
    }
    this.#node = first;
    this.#refuseOperands(operands, final);
    switch (first.kind) {
      case 'bool': return goBool(first.value);
      case 'dot': return dot;
      case 'nil': return this.#fail('nil is not a command');
      case 'number': return this.#number(first);
      case 'string': return goString(first.text);
    }
  }

  #refuseOperands(operands: readonly OperandNode[], final: Final): void {
    const [first] = operands;
    if (first !== undefined && (operands.length > 1 || final !== undefined)) {
      this.#fail(`can't give argument to non-function ${printNode(first)}`);
    }
  }

  /** A number where nothing says which type it has. */
  #number(node: NumberNode): Operand {
    this.#node = node;
    const { text, complex, float, signed, unsigned } = node.constant;
    if (complex !== undefined) return goComplex(complex.real, complex.imaginary);
    const isHexInteger = /^0[xX][^pP]+$/.test(text);
    if (float !== undefined && !isHexInteger && !text.startsWith("'") && /[.eEpP]/.test(text)) return goFloat(float);
    if (signed !== undefined) return goInt(signed);
    if (unsigned !== undefined) this.#fail(`${text} overflows int`);
    return undefined;
  }

  #chain(dot: Operand, node: ChainNode, operands: readonly OperandNode[], final: Final): Operand {
    this.#node = node;
    if (node.node.kind === 'nil') this.#fail(`indirection through explicit nil in ${printNode(node)}`);
    const receiver = this.#operand(dot, undefined, node.node);
    return this.#fieldChain(dot, receiver, node, node.fields, operands, final);
  }

  #variable(dot: Operand, node: VariableNode, operands: readonly OperandNode[], final: Final): Operand {
    this.#node = node;
    const variable = this.#variables.findLast((known) => known.name === node.name);
    if (variable === undefined) return this.#fail(`undefined variable: ${node.name}`);
    if (node.fields.length > 0) return this.#fieldChain(dot, variable.value, node, node.fields, operands, final);
    this.#refuseOperands(operands, final);
    return variable.value;
  }

  #fieldChain(
    dot: Operand, start: Operand, node: OperandNode, names: readonly string[], operands: readonly OperandNode[], final: Final,
  ): Operand {
    let receiver = start;
    names.forEach((name, at) => {
      // The arguments go to the last of the chain.
      receiver = at < names.length - 1
        ? this.#field(dot, name, node, [], undefined, receiver)
        : this.#field(dot, name, node, operands, final, receiver);
    });
    return receiver;
  }

  #function(dot: Operand, node: IdentifierNode, command: AnyNode, operands: readonly OperandNode[], final: Final): Operand {
    this.#node = node;
    const own = this.#context.functions.get(node.name);
    const called = own ?? builtinFunctions.get(node.name);
    if (called === undefined) return this.#fail(`${quoteText(node.name)} is not a defined function`);
    const shortCircuit = own === undefined && (node.name === 'and' || node.name === 'or') ? node.name : undefined;
    return this.#call(dot, called, called.call, { node: command, name: node.name, operands, final, shortCircuit });
  }

  #field(
    dot: Operand, name: string, node: OperandNode, operands: readonly OperandNode[], final: Final, receiver: Operand,
  ): Operand {
    if (receiver === undefined) {
      if (this.#context.missingKeyFails) this.#fail(`nil data; no entry for key ${quoteText(name)}`);
      return undefined;
    }
    const { type } = receiver;
    const { value: target, isNil } = indirect(receiver);
    if (target === undefined || (isNil && target.type.kind === 'interface')) {
      return this.#fail(`nil pointer evaluating ${type.name}.${name}`);
    }
    const method = methodOf(target.type, name);
    if (method !== undefined && !isNil) {
      const call: GoCallable = (parameters) => method.call(target, parameters);
      return this.#call(dot, method, call, { node, name, operands, final, shortCircuit: undefined });
    }
    const hasOperands = operands.length > 1 || final !== undefined;
    if (target.type.kind === 'struct') {
      const field = fieldByName(target, name);
      if (field !== undefined) {
        if (typeof field === 'string') this.#fail(field);
        if (!/^\p{Lu}/u.test(name)) this.#fail(`${name} is an unexported field of struct type ${type.name}`);
        if (hasOperands) this.#fail(`${name} has arguments but cannot be invoked as function`);
        return field;
      }
    } else if (target.type.kind === 'map' && isAssignable(goString('').type, target.type.key)) {
      if (hasOperands) this.#fail(`${name} is not a method but has arguments`);
      const found = entriesOf(target).get(name);
      if (found === undefined && this.#context.missingKeyFails) this.#fail(`map has no entry for key ${quoteText(name)}`);
      return found;
    } else if (target.type.kind === 'pointer') {
      const { element } = target.type;
      const lacksField = element.kind === 'struct' && fieldByName(zeroOf(element), name) === undefined && methodOf(element, name) === undefined;
      if (!lacksField) this.#fail(`nil pointer evaluating ${type.name}.${name}`);
    }
    return this.#fail(`can't evaluate field ${name} in type ${type.name}`);
  }

  #call(dot: Operand, signature: GoSignature, run: GoCallable, { node, name, operands, final, shortCircuit }: {
    node: AnyNode; name: string; operands: readonly OperandNode[]; final: Final; shortCircuit: 'and' | 'or' | undefined;
  }): Operand {
    const { parameters, variadic } = signature;
    const given = operands.slice(1);
    const count = given.length + (final === undefined ? 0 : 1);
    const fixed = variadic ? parameters.length - 1 : given.length;
    if (variadic && count < fixed) {
      this.#fail(`wrong number of args for ${name}: want at least ${fixed} got ${given.length}`);
    }
    if (!variadic && count !== parameters.length) {
      this.#fail(`wrong number of args for ${name}: want ${parameters.length} got ${count}`);
    }
    if (shortCircuit !== undefined) {
      let value: Operand;
      for (const operand of given) {
        value = this.#operand(dot, reflectType, operand);
        if (truthOf(value) === (shortCircuit === 'or')) return value;
      }
      return final === undefined ? value : final.value;
    }
    const typeAt = (at: number): GoType | undefined => parameters[Math.min(at, parameters.length - 1)];
    const values = given.map((operand, at) => this.#operand(dot, typeAt(at), operand));
    if (final !== undefined) values.push(this.#fitting(final.value, typeAt(given.length)));
    if (name === 'call' && run === builtinFunctions.get(name)?.call) {
      const [callee] = given;
      values.unshift(goString(callee === undefined ? formatValue(final?.value) : printNode(callee)));
    }
    try {
      return run(values);
    } catch (error) {
      if (!isFailure(error, 'template.execution')) throw error;
      this.#node = node;
      return this.#fail(`error calling ${name}: ${error.message}`);
    }
  }

  /** A value as a parameter of some type takes it. */
  #fitting(value: Operand, type: GoType | undefined): Operand {
    if (type === undefined || type.name === reflectType.name) return value;
    if (value === undefined) {
      if (canBeNil(type)) return type.name === anyType.name ? undefined : zeroOf(type);
      return this.#fail(`invalid value; expected ${type.name}`);
    }
    if (isAssignable(value.type, type)) return value;
    let shown = value;
    if (value.type.kind === 'interface') {
      shown = targetOf(value) ?? value;
      if (isAssignable(shown.type, type)) return shown;
    }
    if (shown.type.kind === 'pointer' && isAssignable(shown.type.element, type)) {
      return targetOf(shown) ?? this.#fail(`dereference of nil pointer of type ${type.name}`);
    }
    return this.#fail(`wrong type for value; expected ${type.name}; got ${shown.type.name}`);
  }

  /** An argument, evaluated for a parameter of some type; any, where it is undefined. */
  #operand(dot: Operand, type: GoType | undefined, node: OperandNode): Operand {
    this.#node = node;
    switch (node.kind) {
      case 'dot': return this.#fitting(dot, type);
      case 'nil':
        if (type !== undefined && !canBeNil(type)) this.#fail(`cannot assign nil to ${type.name}`);
        return type === undefined || type.kind === 'interface' ? undefined : zeroOf(type);
      case 'field': return this.#fitting(this.#fieldChain(dot, dot, node, node.names, [node], undefined), type);
      case 'variable': return this.#fitting(this.#variable(dot, node, [], undefined), type);
      case 'pipe': return this.#fitting(this.#pipeline(dot, node), type);
      case 'identifier': return this.#fitting(this.#function(dot, node, node, [], undefined), type);
      case 'chain': return this.#fitting(this.#chain(dot, node, [], undefined), type);
      default: return this.#constant(node, type);
    }
  }

  #constant(node: Extract<OperandNode, { kind: 'bool' | 'number' | 'string' }>, type: GoType | undefined): Operand {
    const shown = printNode(node);
    const kind = type?.kind ?? 'interface';
    const constant = node.kind === 'number' ? node.constant : undefined;
    if (kind === 'interface' && (type === undefined || type.kind === 'interface' && type.required.length === 0)) {
      if (node.kind === 'number') return this.#number(node);
      return node.kind === 'bool' ? goBool(node.value) : goString(node.text);
    }
    if (type === undefined) return this.#fail(`can't handle ${shown}`);
    if (kind === 'bool') return node.kind === 'bool' ? { type, data: node.value } : this.#fail(`expected bool; found ${shown}`);
    if (kind === 'string') return node.kind === 'string' ? { type, data: node.text } : this.#fail(`expected string; found ${shown}`);
    if (isSigned(kind)) {
      return constant?.signed === undefined ? this.#fail(`expected integer; found ${shown}`) : { type, data: constant.signed };
    }
    if (isUnsigned(kind)) {
      return constant?.unsigned === undefined
        ? this.#fail(`expected unsigned integer; found ${shown}`) : { type, data: constant.unsigned };
    }
    if (kind === 'float64' || kind === 'float32') {
      return constant?.float === undefined ? this.#fail(`expected float; found ${shown}`) : { type, data: constant.float };
    }
    return this.#fail(`can't handle ${shown} for arg of type ${type.name}`);
  }

  #print(node: StatementNode, value: Operand): void {
    this.#node = node;
    const shown = printable(value);
    if (shown === undefined) {
      this.#context.write('<no value>');
      return;
    }
    if (shown.type.kind === 'func') this.#fail(`can't print ${printNode(node)} of type ${shown.type.name}`);
    this.#context.write(formatPrint([shown]));
  }
}

function canBeNil(type: GoType): boolean {
  return ['interface', 'map', 'pointer', 'slice', 'func'].includes(type.kind);
}

/** The parse tree of a template, and its text as errors show it. */
import { quoteText } from './go-quote.ts';
import type { NumberConstant } from './number-constant.ts';

interface Placed {
  /** In UTF-16 units from the template's begin. */
  readonly position: number;
}

export interface FieldNode extends Placed { readonly kind: 'field'; readonly names: readonly string[] }
export interface VariableNode extends Placed { readonly kind: 'variable'; readonly name: string; readonly fields: readonly string[] }
export interface IdentifierNode extends Placed { readonly kind: 'identifier'; readonly name: string }
export interface DotNode extends Placed { readonly kind: 'dot' }
export interface NilNode extends Placed { readonly kind: 'nil' }
export interface BoolNode extends Placed { readonly kind: 'bool'; readonly value: boolean }
export interface NumberNode extends Placed { readonly kind: 'number'; readonly constant: NumberConstant }
export interface StringNode extends Placed { readonly kind: 'string'; readonly quoted: string; readonly text: string }
export interface ChainNode extends Placed { readonly kind: 'chain'; readonly node: OperandNode; readonly fields: readonly string[] }
export interface PipeNode extends Placed {
  readonly kind: 'pipe';
  readonly assigns: boolean;
  readonly variables: readonly VariableNode[];
  readonly commands: readonly CommandNode[];
}
export interface CommandNode extends Placed { readonly kind: 'command'; readonly operands: readonly OperandNode[] }

export type OperandNode =
  | FieldNode | VariableNode | IdentifierNode | DotNode | NilNode | BoolNode | NumberNode | StringNode | ChainNode | PipeNode;

export interface TextNode extends Placed { readonly kind: 'text'; readonly text: string }
export interface ActionNode extends Placed { readonly kind: 'action'; readonly pipe: PipeNode }
export interface BranchNode extends Placed {
  readonly kind: 'if' | 'range' | 'with';
  readonly pipe: PipeNode;
  readonly list: readonly StatementNode[];
  readonly otherwise: readonly StatementNode[] | undefined;
}
export interface TemplateNode extends Placed { readonly kind: 'template'; readonly name: string; readonly pipe: PipeNode | undefined }
export interface JumpNode extends Placed { readonly kind: 'break' | 'continue' }

export type StatementNode = TextNode | ActionNode | BranchNode | TemplateNode | JumpNode;

/** Closes a list; never in the tree. */
export interface ClosingNode extends Placed { readonly kind: 'end' | 'else' }

export type AnyNode = OperandNode | CommandNode | StatementNode | ClosingNode;

/** The node in a template's own notation. */
export function printNode(node: AnyNode): string {
  switch (node.kind) {
    case 'field': return `.${node.names.join('.')}`;
    case 'variable': return [node.name, ...node.fields].join('.');
    case 'identifier': return node.name;
    case 'dot': return '.';
    case 'nil': return 'nil';
    case 'bool': return String(node.value);
    case 'number': return node.constant.text;
    case 'string': return node.quoted;
    case 'chain': return `${printOperand(node.node)}${node.fields.map((field) => `.${field}`).join('')}`;
    case 'command': return node.operands.map(printOperand).join(' ');
    case 'pipe': {
      const variables = node.variables.map(printNode).join(', ');
      const commands = node.commands.map(printNode).join(' | ');
      return variables === '' ? commands : `${variables} ${node.assigns ? '=' : ':='} ${commands}`;
    }
    case 'text': return node.text;
    case 'action': return `{{${printNode(node.pipe)}}}`;
    case 'if':
    case 'range':
    case 'with': {
      const otherwise = node.otherwise === undefined ? '' : `{{else}}${node.otherwise.map(printNode).join('')}`;
      return `{{${node.kind} ${printNode(node.pipe)}}}${node.list.map(printNode).join('')}${otherwise}{{end}}`;
    }
    case 'template': return `{{template ${quoteText(node.name)}${node.pipe === undefined ? '' : ` ${printNode(node.pipe)}`}}}`;
    case 'break':
    case 'continue':
    case 'end':
    case 'else': return `{{${node.kind}}}`;
  }
}

function printOperand(node: OperandNode): string {
  return node.kind === 'pipe' ? `(${printNode(node)})` : printNode(node);
}

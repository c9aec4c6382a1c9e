/** Fields of structs, those of embedded structs included, by Go's rule: the shallowest wins. */
import { elementsOf, targetOf, type GoValue } from './go-value.ts';

/** The field's value; undefined if there is none; a text if it is behind a nil pointer. */
export function fieldByName(struct: GoValue, name: string): GoValue | string | undefined {
  let level: readonly GoValue[] = [struct];
  while (level.length > 0) {
    const deeper: GoValue[] = [];
    for (const value of level) {
      const { type } = value;
      if (type.kind !== 'struct') continue;
      const values = elementsOf(value);
      for (const [at, field] of type.fields.entries()) {
        const content = values[at];
        if (content === undefined) continue;
        if (field.name === name) return content;
        if (!field.embedded) continue;
        const embedded = content.type.kind === 'pointer' ? targetOf(content) : content;
        if (embedded !== undefined) deeper.push(embedded);
        else if (content.type.kind === 'pointer' && hasField(content, name)) {
          return `reflect: indirection through nil pointer to embedded struct field ${field.name}`;
        }
      }
    }
    level = deeper;
  }
  return undefined;
}

function hasField(pointer: GoValue, name: string): boolean {
  const { type } = pointer;
  return type.kind === 'pointer' && type.element.kind === 'struct' && type.element.fields.some((field) => field.name === name);
}

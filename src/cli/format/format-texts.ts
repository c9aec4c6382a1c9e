/** The explanations of `--format`. */
const pointer = 'Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates';

/** Where there is one object, or a text of its own. */
export const inspectFormatText = [
  'Format output using a custom template:',
  "'json':             Print in JSON format",
  "'TEMPLATE':         Print output using the given Go template.",
  pointer,
].join('\n');

/** Where there is a list. */
export const listFormatText = [
  'Format output using a custom template:',
  "'table':            Print output in table format with column headers (default)",
  "'table TEMPLATE':   Print output in table format using the given Go template",
  "'json':             Print in JSON format",
  "'TEMPLATE':         Print output using the given Go template.",
  pointer,
].join('\n');

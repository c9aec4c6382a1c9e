/** `images --tree`: every image with its names above each other, coloured on terminals. */
import type { ImageSummary } from '#schema/image-views.ts';
import { humanSize } from '#base/human-size.ts';
import { shortIdentifier } from '#base/identifier.ts';
import { displayWidth, ellipsis } from './display-width.ts';

/** A platform of an image that has several, as the API lists them. */
interface Manifest {
  readonly ID: string;
  readonly Available: boolean;
  readonly Kind: string;
  readonly Size: { readonly Content: number; readonly Total: number };
  readonly ImageData?: {
    readonly Platform: { readonly os: string; readonly architecture: string; readonly variant?: string };
    readonly Containers?: readonly string[] | null;
  };
}

export type TreeImage = ImageSummary & { readonly Manifests?: readonly Manifest[] };

interface Details {
  readonly id: string;
  readonly diskUsage: string;
  readonly contentSize: string;
  readonly inUse: boolean;
}

interface Branch extends Details {
  readonly platform: string;
  readonly available: boolean;
}

interface Column {
  readonly title: string;
  width: number;
  readonly alignsRight: boolean;
  readonly isPlain: boolean;
  readonly text: ((details: Details) => string) | undefined;
}

type Paint = (text: string) => string;

const spacing = '   ';
const paint = (...codes: readonly number[]): Paint => (text) => `${codes.map((code) => `\u001b[${code}m`).join('')}${text}\u001b[0m`;
const plain: Paint = (text) => text;
const titlePaint = paint(39, 1);

/** @param columns the terminal's width; 0 if there is none */
export function renderImageTree(images: readonly TreeImage[], { isTerminal, columns }: { isTerminal: boolean; columns: number }): string {
  const width = columns === 0 ? 80 : Math.max(columns, 20);
  const newest = [...images].sort((left, right) => right.Created - left.Created);
  const branches = newest.map(branchesOf);
  const usesChip = branches.some((list) => list.some((branch) => branch.inUse));
  const layout = fit(width, columnsFor(isTerminal, usesChip), newest, branches);
  const color = (chosen: Paint): Paint => (isTerminal ? chosen : plain);
  const warning = "WARNING: This is an experimental feature. The output may change and shouldn't be depended on.";
  const lines = [color(paint(93))(warning), legend(isTerminal, width), ''];
  lines.push(layout.map((column) => cell(column, titlePaint, column.title.toUpperCase())).join(spacing));
  const isSpaced = branches.some((list) => list.length > 0);
  newest.forEach((image, at) => {
    const list = branches[at] ?? [];
    lines.push(...names(image, layout, columns, color) , detailsText(layout, color(paint(39)), rootDetails(image, list)));
    lines.splice(-2, 2, `${lines.at(-2)}${lines.at(-1)}`);
    list.forEach((branch, index) => {
      const style = branch.available ? paint(39) : paint(39, 2);
      const stem = index === list.length - 1 ? '└─ ' : '├─ ';
      lines.push(`${cell(layout[0], color(style), `${stem}${branch.platform}`)}${detailsText(layout, color(style), branch)}`);
    });
    if (isSpaced) lines.push('');
  });
  return `${lines.join('\n')}\n`;
}

function branchesOf(image: TreeImage): Branch[] {
  return (image.Manifests ?? []).flatMap((manifest) => {
    if (manifest.Kind !== 'image' || manifest.ImageData === undefined) return [];
    const { os, architecture, variant = '' } = manifest.ImageData.Platform;
    return [{
      id: manifest.ID,
      platform: [os, architecture, ...(variant === '' ? [] : [variant])].join('/'),
      available: manifest.Available,
      diskUsage: humanSize(manifest.Size.Total, 3),
      contentSize: humanSize(manifest.Size.Content, 3),
      inUse: (manifest.ImageData.Containers ?? []).length > 0,
    }];
  });
}

function rootDetails(image: TreeImage, branches: readonly Branch[]): Details {
  const content = (image.Manifests ?? []).reduce((sum, manifest) => sum + manifest.Size.Content, 0);
  return {
    id: image.Id,
    diskUsage: humanSize(image.Size, 3),
    contentSize: humanSize(content, 3),
    inUse: image.Containers > 0 || branches.some((branch) => branch.inUse),
  };
}

const fancyChip = '\u001b[38;5;0m\u001b[48;5;14m U \u001b[0m';

function columnsFor(isTerminal: boolean, usesChip: boolean): Column[] {
  const chip = (details: Details): string => {
    if (!usesChip) return '';
    if (isTerminal) return details.inUse ? fancyChip : '   ';
    return details.inUse ? 'U' : ' ';
  };
  return [
    { title: 'Image', width: 0, alignsRight: false, isPlain: false, text: undefined },
    { title: 'ID', width: 12, alignsRight: false, isPlain: false, text: ({ id }) => shortIdentifier(id) },
    { title: 'Disk usage', width: 10, alignsRight: true, isPlain: false, text: ({ diskUsage }) => diskUsage },
    { title: 'Content size', width: 12, alignsRight: true, isPlain: false, text: ({ contentSize }) => contentSize },
    { title: 'Extra', width: 5, alignsRight: false, isPlain: true, text: chip },
  ];
}

/** Gives the names what the other columns leave; those that leave them too little go. */
function fit(width: number, columns: readonly Column[], images: readonly TreeImage[], branches: readonly (readonly Branch[])[]): Column[] {
  let left = width;
  let kept = columns.length;
  for (const [at, column] of columns.entries()) {
    const taken = column.width === 0 ? 0 : column.width + spacing.length;
    if (left - taken < 12) {
      kept = at;
      break;
    }
    left -= taken;
  }
  const widths = [
    'Image'.length,
    ...images.flatMap((image) => (image.RepoTags ?? []).map((name) => name.length)),
    ...branches.flat().map((branch) => branch.platform.length + Buffer.byteLength('└─ ')),
  ];
  return columns.slice(0, kept).map((column, at) => (at === 0 ? { ...column, width: Math.min(left, Math.max(...widths)) } : column));
}

function cell(column: Column | undefined, style: Paint, text: string): string {
  if (column === undefined) return '';
  const used = displayWidth(text.replace(/\u001b\[[0-9;]*m/g, ''));
  if (used > column.width) return style(ellipsis(text, column.width));
  const fill = ' '.repeat(column.width - used);
  return column.alignsRight ? fill + style(text) : style(text) + fill;
}

function detailsText(columns: readonly Column[], style: Paint, details: Details): string {
  return columns.map((column) => (
    column.text === undefined ? '' : `${spacing}${cell(column, column.isPlain ? plain : style, column.text(details))}`)).join('');
}

/** The names, the longest first; the last stands in the row with the details. */
function names(image: TreeImage, columns: readonly Column[], terminalWidth: number, color: (chosen: Paint) => Paint): string[] {
  const all = [...image.RepoTags ?? []].sort((left, right) => right.length - left.length);
  const last = all.pop();
  if (last === undefined) return [cell(columns[0], color(paint(39, 2)), '<untagged>')];
  const style = color(paint(34, 1));
  return [...all.map((name) => style(terminalWidth === 0 ? name : ellipsis(name, terminalWidth))), cell(columns[0], style, last)];
}

function legend(isTerminal: boolean, width: number): string {
  const header = isTerminal ? '\u001b[1m\u001b[106m\u001b[30mi\u001b[0m\u001b[0m \u001b[96mInfo → \u001b[0m\u001b[0m' : ' Info -> ';
  const text = `${header} ${isTerminal ? fancyChip : 'U'} In Use `;
  const used = displayWidth(text.replace(/\u001b\[[0-9;]*m/g, ''));
  return ' '.repeat(Math.max(width - used, 0)) + text;
}

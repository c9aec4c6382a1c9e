/** The bar that Docker's progress messages carry as text, as `jsonmessage.JSONProgress` prints it 200 columns wide. */

const unitNames = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** `[====>      ]  1.5MB/3MB`; empty when nothing is known. */
export function progressBar(current: number, total: number): string {
  if (current <= 0 && total <= 0) return '';
  if (total <= 0) return humanSize(current).padStart(8);
  const done = Math.min(50, Math.trunc(Math.trunc((current / total) * 100) / 2));
  const numbers = current > total ? humanSize(current).padStart(8) : `${humanSize(current).padStart(8)}/${humanSize(total)}`;
  return `[${'='.repeat(done)}>${' '.repeat(50 - done)}] ${numbers}`;
}

/** Four significant digits with a decimal unit, as go-units `HumanSize`. */
export function humanSize(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= 1000 && unit < unitNames.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${Number(size.toPrecision(4))}${unitNames[unit] ?? 'B'}`;
}

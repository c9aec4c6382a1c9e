/** Go's `strconv.FormatFloat` for 64-bit floats: exact, rounded half to even. */

interface Decimal {
  /** Significant digits without leading zeros; `0` alone for zero. */
  readonly digits: string;
  /** Where the decimal point is: the value is 0.digits × 10^point. */
  readonly point: number;
}

/**
 * @param verb one of `e E f g G b x X`
 * @param precision digits after the point, significant digits for `g`; -1: as few as tell the value
 */
export function formatFloat(value: number, verb: string, precision: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  const negative = value < 0 || Object.is(value, -0);
  const magnitude = Math.abs(value);
  return `${negative ? '-' : ''}${formatMagnitude(magnitude, verb, precision)}`;
}

function formatMagnitude(value: number, verb: string, precision: number): string {
  switch (verb) {
    case 'b': return binary(value);
    case 'x':
    case 'X': return hexadecimal(value, precision, verb);
    case 'e':
    case 'E': {
      const decimal = precision < 0 ? shortest(value) : rounded(value, precision + 1, undefined);
      return scientific(decimal, precision < 0 ? decimal.digits.length - 1 : precision, verb);
    }
    case 'f': {
      const decimal = precision < 0 ? shortest(value) : rounded(value, undefined, precision);
      return plain(decimal, precision < 0 ? Math.max(decimal.digits.length - decimal.point, 0) : precision);
    }
    default: return general(value, verb, precision);
  }
}

function general(value: number, verb: string, precision: number): string {
  const isShortest = precision < 0;
  const decimal = isShortest ? shortest(value) : rounded(value, Math.max(precision, 1), undefined);
  const digits = value === 0 ? '0' : isShortest ? decimal.digits : decimal.digits.replace(/0+$/, '') || '0';
  // The shortest form decides by the precision of six digits.
  let threshold = isShortest ? 6 : Math.max(precision, 1);
  if (!isShortest && threshold > digits.length && digits.length >= decimal.point) threshold = digits.length;
  const exponent = value === 0 ? 0 : decimal.point - 1;
  const kept = { digits, point: decimal.point };
  if (exponent < -4 || exponent >= threshold) {
    return scientific(kept, digits.length - 1, verb === 'G' ? 'E' : 'e');
  }
  return plain(kept, Math.max(digits.length - kept.point, 0));
}

function shortest(value: number): Decimal {
  if (value === 0) return { digits: '0', point: 1 };
  const [mantissa = '', exponent = '0'] = value.toExponential().split('e');
  return { digits: mantissa.replace('.', ''), point: Number(exponent) + 1 };
}

/** Rounded to so many significant digits, or to so many decimals. */
function rounded(value: number, significant: number | undefined, decimals: number | undefined): Decimal {
  if (value === 0) return { digits: '0'.padEnd(Math.max(significant ?? 1, 1), '0'), point: 1 };
  const { mantissa, exponent } = split(value);
  const whole = exponent >= 0 ? mantissa << BigInt(exponent) : mantissa * 5n ** BigInt(-exponent);
  const scale = exponent >= 0 ? 0 : -exponent;
  const text = whole.toString();
  const point = text.length - scale;
  const keep = significant ?? point + (decimals ?? 0);
  if (keep >= text.length) return { digits: text.padEnd(keep, '0'), point };
  if (keep < 0) return { digits: '0', point: 1 };
  const unit = 10n ** BigInt(text.length - keep);
  let head = whole / unit;
  const rest = (whole - head * unit) * 2n;
  if (rest > unit || (rest === unit && (head & 1n) === 1n)) head += 1n;
  if (head === 0n) return { digits: '0', point: 1 };
  const digits = head.toString();
  // Rounding up may have made one digit more.
  const grown = digits.length - keep;
  return { digits: significant === undefined || grown <= 0 ? digits : digits.slice(0, significant), point: point + grown };
}

function split(value: number): { mantissa: bigint; exponent: number } {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const biased = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  return biased === 0 ? { mantissa: fraction, exponent: -1074 } : { mantissa: fraction | (1n << 52n), exponent: biased - 1075 };
}

function scientific({ digits, point }: Decimal, decimals: number, letter: string): string {
  const exponent = /^0+$/.test(digits) ? 0 : point - 1;
  const fraction = digits.slice(1).padEnd(decimals, '0').slice(0, decimals);
  const size = String(Math.abs(exponent)).padStart(2, '0');
  return `${digits[0]}${decimals > 0 ? `.${fraction}` : ''}${letter}${exponent < 0 ? '-' : '+'}${size}`;
}

function plain({ digits, point }: Decimal, decimals: number): string {
  const isZero = /^0+$/.test(digits);
  const whole = isZero || point <= 0 ? '0' : digits.slice(0, point).padEnd(point, '0');
  const rest = isZero ? '' : point <= 0 ? '0'.repeat(-point) + digits : digits.slice(point);
  return decimals > 0 ? `${whole}.${rest.padEnd(decimals, '0').slice(0, decimals)}` : whole;
}

function binary(value: number): string {
  const { mantissa, exponent } = split(value);
  return `${mantissa}p${exponent < 0 ? '-' : '+'}${Math.abs(exponent)}`;
}

function hexadecimal(value: number, precision: number, verb: string): string {
  let { mantissa, exponent } = split(value);
  if (mantissa === 0n) exponent = -52;
  while (mantissa !== 0n && mantissa < 1n << 52n) {
    mantissa <<= 1n;
    exponent--;
  }
  let fractionBits = 52n;
  if (precision >= 0 && precision < 13) {
    const dropped = 52n - 4n * BigInt(precision);
    const half = 1n << (dropped - 1n);
    const rest = mantissa & ((1n << dropped) - 1n);
    mantissa >>= dropped;
    if (rest > half || (rest === half && (mantissa & 1n) === 1n)) mantissa += 1n;
    fractionBits -= dropped;
    if (mantissa >> fractionBits === 2n) {
      mantissa >>= 1n;
      exponent++;
    }
  }
  const lead = mantissa >> fractionBits;
  const hex = fractionBits === 0n ? '' : (mantissa & ((1n << fractionBits) - 1n)).toString(16).padStart(Number(fractionBits) / 4, '0');
  const fraction = precision < 0 ? hex.replace(/0+$/, '') : hex.padEnd(precision, '0');
  const power = value === 0 ? 0 : exponent + 52;
  const text = `0x${lead}${fraction === '' ? '' : `.${fraction}`}p${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  return verb === 'X' ? text.toUpperCase() : text;
}

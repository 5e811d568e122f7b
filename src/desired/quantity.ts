/** Amounts of CPU, memory and storage, of which the API server stores only one spelling. */

/** Whether two quantities say the same amount, such as `1000m` and `1`. False where one of them is no quantity. */
export function isSameQuantity(one: unknown, other: unknown): boolean {
  return thousandthsOf(one) === thousandthsOf(other);
}

/** Whether the first quantity says less than the other one. False where one of them is no quantity. */
export function isLess(one: unknown, other: unknown): boolean {
  return thousandthsOf(one) < thousandthsOf(other);
}

const pattern = /^([+-]?[\d.]+(?:[eE][+-]?\d+)?)(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$/;

const decimal = 'num kMGTPE';
const binary = 'KMGTPE';

/** The API server rounds up to thousandths. NaN, which equals nothing, for what is no quantity. */
function thousandthsOf(quantity: unknown): number {
  const [, number, suffix = ' '] = pattern.exec(String(quantity)) ?? [];
  const factor = suffix.endsWith('i')
    ? 1000 * 1024 ** (binary.indexOf(suffix.charAt(0)) + 1)
    : 1000 ** (decimal.indexOf(suffix) - decimal.indexOf('m'));
  const thousandths = Number(number) * factor;
  return Math.ceil(Number(thousandths.toPrecision(15))); // without what binary fractions add
}

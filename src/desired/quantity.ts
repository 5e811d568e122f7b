/** Amounts of CPU, memory and storage, of which the API server stores only one spelling. */

/** Whether two quantities say the same amount, such as `1000m` and `1`. False where one of them is no quantity. */
export function isSameQuantity(one: unknown, other: unknown): boolean {
  const [amount, otherAmount] = [amountOf(one), amountOf(other)];
  // Both spellings are decimal, and 15 digits are what a number keeps of one.
  return amount.toPrecision(15) === otherAmount.toPrecision(15) && !Number.isNaN(amount);
}

const pattern = /^([+-]?[\d.]+(?:[eE][+-]?\d+)?)(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$/;

const decimal = 'num kMGTPE';
const binary = 'KMGTPE';

function amountOf(quantity: unknown): number {
  const [, number, suffix = ' '] = pattern.exec(String(quantity)) ?? [];
  const factor = suffix.endsWith('i')
    ? 1024 ** (binary.indexOf(suffix.charAt(0)) + 1)
    : 1000 ** (decimal.indexOf(suffix) - 3);
  return Number(number) * factor;
}

/** Kinds of value that a setting may have: what a text means, and what to write instead of one that means nothing. */
import type { ListenAddress } from '../http-server.ts';
import { canonicalService } from '../presets/presets.ts';

export interface Kind<T> {
  /** Stands for the value in the help; none for a switch, which may be given without value. */
  placeholder?: string;
  /** Ends the sentence "set it to …". */
  expected: string;
  /** Undefined: the text is not such a value. */
  parse: (text: string) => T | undefined;
}

export const onOrOff: Kind<boolean> = {
  expected: 'true or false',
  parse: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
};

/** An address without host listens on all of the pod's; port 0 is any free one. */
export const address: Kind<ListenAddress> = {
  placeholder: 'ADDRESS',
  expected: 'a port such as ":8080", or host and port such as "127.0.0.1:8080"',
  parse(text) {
    const { host, bare, port } =
      /^(?:(?<host>\[[\da-f:.]+\]|[^:[\]\s]*):|(?<bare>))(?<port>\d+)$/i.exec(text)?.groups ?? {};
    if (port === undefined || Number(port) > 65_535 || (bare !== undefined && Number(port) === 0))
      return undefined;
    return { port: Number(port), ...(host && { host: host.replace(/^\[|\]$/g, '') }) };
  },
};

export const addressOrOff: Kind<ListenAddress | 'off'> = {
  placeholder: 'ADDRESS',
  expected: `${address.expected}, or 0 for none`,
  parse: (text) => (text === '0' ? 'off' : address.parse(text)),
};

export const file = matching('FILE', /./, 'the path of a file');
export const namespace = matching(
  'NAMESPACE',
  /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/,
  'the name of a namespace: at most 63 lower-case letters, digits and "-"',
);
export const objectName = matching(
  'NAME',
  /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
  'the name of a Kubernetes object: lower-case letters, digits, "-" and "."',
);
export const label = matching(
  'NAME',
  /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/,
  'a name of at most 63 lower-case letters, digits and "-"',
);
export const fileName = matching('NAME', /^\w[\w.-]*$/, 'a name of letters, digits, "_", "-" and "."');
export const contextName = matching('NAME', /./, 'the name of a context');
export const image = matching(
  'IMAGE',
  /^[a-z0-9][\w.:/-]*(@sha256:[0-9a-f]{64})?$/i,
  'an image such as "registry.example.com/clarive:7.13"',
);

/** A label selector with the grammar of the API server, which would refuse every watch with another. */
export const selector = matching(
  'SELECTOR',
  selectorPattern(),
  'a label selector such as "team=blue,tier!=test"',
);

/** An image for one service, which is told by its canonical key. */
export const serviceImage: Kind<readonly [service: string, image: string]> = {
  placeholder: 'SERVICE=IMAGE',
  expected: 'service=image, such as "service.job.daemon=registry.example.com/clarive:7.13"',
  parse(text) {
    const [service = '', reference = ''] = splitAtFirst(text, '=');
    const isService = /^service\.[\w.]{0,54}[A-Za-z0-9]$/.test(canonicalService(service));
    return isService && image.parse(reference) ? [canonicalService(service), reference] : undefined;
  },
};

export function wholeNumber(placeholder: string, least: number, most: number): Kind<number> {
  return {
    placeholder,
    expected: `a whole number from ${least} to ${most}`,
    parse: (text) =>
      /^\d{1,10}$/.test(text) && Number(text) >= least && Number(text) <= most ? Number(text) : undefined,
  };
}

export function oneOf<T extends string>(placeholder: string, values: readonly T[]): Kind<T> {
  return {
    placeholder,
    expected: `one of ${values.join(', ')}`,
    parse: (text) => values.find((value) => value === text),
  };
}

function matching(placeholder: string, pattern: RegExp, expected: string): Kind<string> {
  return { placeholder, expected, parse: (text) => (pattern.test(text) ? text : undefined) };
}

function splitAtFirst(text: string, separator: string): string[] {
  const index = text.indexOf(separator);
  return index === -1 ? [text] : [text.slice(0, index).trim(), text.slice(index + 1).trim()];
}

function selectorPattern(): RegExp {
  const word = String.raw`[A-Za-z0-9](?:[-\w.]{0,61}[A-Za-z0-9])?`;
  const key = String.raw`(?:[a-z0-9][-a-z0-9.]{0,252}/)?${word}`;
  const set = String.raw`\(\s*(?:${word})?(?:\s*,\s*(?:${word})?)*\s*\)`;
  const requirement = String.raw`(?:!\s*${key}|${key}(?:\s*(?:==?|!=)\s*(?:${word})?|\s+(?:not)?in\s*${set})?)`;
  return new RegExp(String.raw`^\s*${requirement}(?:\s*,\s*${requirement})*\s*$`);
}

/** The settings for readers: as the text of `--help`, and as a chapter of docs/configuration.md. */
import { flagOf, type Setting } from './setting.ts';
import { type Name, names, settings, variableOf } from './settings.ts';

const lineLength = 100;
const indent = '      ';

export function helpText(): string {
  return `Usage: clarive-operator [flags]
       clarive-operator import [flags] [FILE]

Runs Clarive's background daemons on Kubernetes: one Deployment for each ClariveDaemon.
With the word import it prints manifests for the daemons of a classic Dispatcher: see import --help.

A flag goes before the environment variable, that before the file of --config, and that before the default.

${names.map(helpOf).join('\n')}
  --help, -h
${indent}Show this text.
  --version
${indent}Show the version.
`;
}

/** One section for each setting, in Markdown. */
export function settingsChapter(): string {
  return names.map(sectionOf).join('\n');
}

function helpOf(name: Name): string {
  return flagHelp(name, settings[name], ` [${variableOf(name)}]`);
}

/** A flag and what is to be said of it, in lines of the same length. */
export function flagHelp(name: string, setting: Setting<unknown>, remark = ''): string {
  const { description, defaultText } = setting;
  const text = wrapped(`${description} Default: ${defaultText}.${remark}`, lineLength - indent.length);
  return `  ${usageOf(name, setting)}\n${text.join('\n')}`;
}

function sectionOf(name: Name): string {
  const { description, defaultText } = settings[name];
  const key = name === 'config' ? "none: the file can't name another" : `\`${name}\``;
  return `### ${name}

${description}

- Flag: \`${usageOf(name, settings[name])}\`
- Environment: \`${variableOf(name)}\`
- Key in the file: ${key}
- Default: ${defaultText}
`;
}

function usageOf(name: string, { placeholder, takesMany }: Setting<unknown>): string {
  if (placeholder === undefined) return `${flagOf(name)}[=true|false]`;
  return `${flagOf(name)} ${placeholder}${takesMany ? '[,…]' : ''}`;
}

function wrapped(text: string, length: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > length) {
      lines.push(indent + line);
      line = word;
    } else line += line === '' ? word : ` ${word}`;
  }
  return [...lines, indent + line];
}

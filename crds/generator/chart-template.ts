/** Metadata of the manifest, up to the spec: a name and nothing else. */
const metadata = /^metadata:\n {2}name: (.*)\n(?=spec:)/m;

/**
 * Makes a template of the chart of a CRD's manifest: what the manifest has in double braces is text there, labels and
 * annotations come from the chart, and `condition` decides whether there is a CRD at all.
 */
export function chartTemplate(manifest: string, chart: string, condition?: string): string {
  const text = manifest.replaceAll('{{', '{{ "{{" }}');
  if (!metadata.test(text))
    throw new Error('Cannot make a template of a CRD whose metadata has more than a name');
  const template = text.replace(
    metadata,
    `metadata:\n  name: $1\n  {{- include "${chart}.crdMetadata" . | nindent 2 }}\n`,
  );
  return condition === undefined ? template : `{{- if ${condition} }}\n${template}{{- end }}\n`;
}

import { basename } from 'node:path';
import packageFile from '../../../package.json' with { type: 'json' };
import type { BundledPackage } from './bundled-packages.ts';

/**
 * The bill of materials of the bundle in CycloneDX 1.6, as text. It has neither date nor serial number: the same bundle has the
 * same bill. Node and the libraries below it are told by the bill of the base image.
 */
export function softwareBillOfMaterials(packages: BundledPackage[]): string {
  const { name, version, license } = packageFile;
  const ref = purl(name, version);
  const components = packages.map(component);
  const bill = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: {
        type: 'application',
        'bom-ref': ref,
        name,
        version,
        purl: ref,
        licenses: licenses(license),
      },
    },
    components,
    dependencies: [{ ref, dependsOn: components.map((one) => one['bom-ref']) }],
  };
  return `${JSON.stringify(bill, null, 2)}\n`;
}

function component({ name, version, license, integrity }: BundledPackage) {
  const ref = purl(name, version);
  const group = name.startsWith('@') ? { group: name.split('/')[0] } : {};
  return {
    type: 'library',
    'bom-ref': ref,
    ...group,
    name: basename(name),
    version,
    purl: ref,
    licenses: licenses(license),
    hashes: [hash(integrity)],
  };
}

function purl(name: string, version: string): string {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}

function licenses(expression: string): object[] {
  return [{ expression }];
}

/** `integrity` as npm writes it: `sha512-` and base64. */
function hash(integrity: string): { alg: string; content: string } {
  const [algorithm = '', digest = ''] = integrity.split('-', 2);
  return {
    alg: algorithm.toUpperCase().replace('SHA', 'SHA-'),
    content: Buffer.from(digest, 'base64').toString('hex'),
  };
}

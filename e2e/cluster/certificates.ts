import { generateKeyPairSync } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../host/run.ts';

/** A certificate to be issued; the files are `<file>.crt` and `<file>.key`. */
export interface CertificateRequest {
  file: string;
  /** User name, as Kubernetes reads it. */
  commonName: string;
  /** Group, as Kubernetes reads it. */
  organization?: string;
  /** Names and addresses of a server, as openssl writes them: `IP:127.0.0.1`, `DNS:localhost`. */
  alternativeNames?: string[];
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
const validity = ['-days', '3650'];

/** Makes the cluster's certificate authority (`ca.*`), its certificates and the key of its service accounts. */
export async function issueCertificates(pki: string, requests: CertificateRequest[]): Promise<void> {
  await mkdir(pki, { recursive: true, mode: 0o700 });
  await writeFile(join(pki, 'openssl.cnf'), '[req]\ndistinguished_name = subject\n[subject]\n');
  await writeFile(join(pki, 'service-accounts.key'), serviceAccountKey(), { mode: 0o600 });
  await openssl(pki, 'ca', '/CN=clarive-operator-cluster', [
    'basicConstraints=critical,CA:TRUE',
    'keyUsage=critical,keyCertSign,cRLSign',
  ]);
  await Promise.all(requests.map((request) => issue(pki, request)));
}

function serviceAccountKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return privateKey.export({ type: 'sec1', format: 'pem' }).toString();
}

async function issue(pki: string, request: CertificateRequest): Promise<void> {
  const { file, commonName, organization, alternativeNames } = request;
  const subject = `${organization ? `/O=${organization}` : ''}/CN=${commonName}`;
  const extensions = [
    'basicConstraints=critical,CA:FALSE',
    `extendedKeyUsage=clientAuth${alternativeNames ? ',serverAuth' : ''}`,
    ...(alternativeNames ? [`subjectAltName=${alternativeNames.join(',')}`] : []),
  ];
  await openssl(pki, file, subject, extensions, ['-CA', join(pki, 'ca.crt'), '-CAkey', join(pki, 'ca.key')]);
}

async function openssl(
  pki: string,
  file: string,
  subject: string,
  extensions: string[],
  issuer: string[] = [],
): Promise<void> {
  const files = [
    '-config',
    join(pki, 'openssl.cnf'),
    '-keyout',
    join(pki, `${file}.key`),
    '-out',
    join(pki, `${file}.crt`),
  ];
  const added = extensions.flatMap((extension) => ['-addext', extension]);
  await run('openssl', [
    'req',
    '-x509',
    ...newKey,
    ...validity,
    ...files,
    '-subj',
    subject,
    ...added,
    ...issuer,
  ]);
}

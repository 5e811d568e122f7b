// The command line of the cluster.
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { standInImage } from '../images/index.ts';
import { clusterFolder } from './cluster-folder.ts';
import type { ClusterOptions } from './cluster.ts';
import { formatLeftovers } from './footprint.ts';
import { prepareCluster } from './prepare-cluster.ts';
import { loadState } from './registry.ts';
import { startDetachedCluster } from './start-cluster.ts';
import { stopCluster } from './stop-cluster.ts';

const usage = `A Kubernetes of your own, from source: no Docker, no downloads but Go modules

Usage: npm run cluster -- COMMAND [--name NAME] [--nodes N] [--kubernetes MINOR]

  build   build its programs into the cache; the first time this takes about a quarter of an hour
  up      start it, building first what is missing, and return when it is ready
  env     print shell commands that make it the cluster of kubectl: eval "$(npm run -s cluster -- env)"
  down    stop it and say what is left behind

  --name NAME          one of several clusters (default: dev)
  --nodes N            0 is a control plane without pods, which needs no root (default: 0); with nodes, the image of
                       a stand-in daemon is loaded, and "up" prints how to run the samples with it
  --kubernetes MINOR   1.37, 1.36 or 1.35 (default: KUBERNETES_MINOR, else the newest)

KUBEBUILDER_ASSETS names a folder with kube-apiserver and etcd to use instead of building them (0 nodes).
CLARIVE_OPERATOR_CACHE names the folder for what is built (default: ~/.cache/clarive-operator).`;

const progress = (line: string): void => console.error(line);

type Options = Pick<ClusterOptions, 'kubernetes'> & { name: string; nodes: number };

async function build(options: Options): Promise<void> {
  const { programs } = await prepareCluster({ ...options, progress });
  for (const path of programs.values()) console.log(path);
}

async function up(options: Options): Promise<void> {
  const image = options.nodes > 0 ? await standInImage(progress) : undefined;
  const images = image ? [image.archive] : [];
  const { name, kubectl } = await startDetachedCluster({ ...options, images, progress });
  const nameOption = name === defaultName ? '' : ` --name ${name}`;
  console.log(`Use it:   export KUBECONFIG=${clusterFolder(name).kubeconfig}`);
  console.log(`kubectl:  ${kubectl}`);
  console.log(`Both:     eval "$(npm run -s cluster -- env${nameOption})"`);
  if (image) {
    console.log(`CRD:      kubectl apply -f crds/`);
    console.log(`Operator: npm start -- --default-image ${image.ref} --run-as-user 1000`);
    console.log(`Samples:  kubectl apply -f crds/samples`);
  }
  console.log(`Stop it:  npm run cluster -- down${nameOption}`);
}

async function env({ name }: Options): Promise<void> {
  const { kubectl } = await requireState(name);
  console.log(`export KUBECONFIG=${quote(clusterFolder(name).kubeconfig)}`);
  // Unexpanded: npm has put folders of its own into the PATH of this process.
  console.log(`export PATH=${quote(dirname(kubectl))}:"$PATH"`);
}

async function down({ name }: Options): Promise<void> {
  const left = await stopCluster(await requireState(name));
  console.log(`left behind: ${formatLeftovers(left)}`);
  if (left.processes + left.mounts + left.networkNamespaces > 0) process.exitCode = 1;
}

const defaultName = 'dev';
const commands = new Map([
  ['build', build],
  ['up', up],
  ['env', env],
  ['down', down],
]);

async function requireState(name: string): Promise<NonNullable<Awaited<ReturnType<typeof loadState>>>> {
  const state = await loadState(name);
  if (!state)
    throw new Error(`There is no cluster named "${name}"; start it: npm run cluster -- up --name ${name}`);
  return state;
}

function quote(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`;
}

function parseOptions(args: string[]): { command: string | undefined; help: boolean; options: Options } {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      name: { type: 'string', default: defaultName },
      nodes: { type: 'string', default: '0' },
      kubernetes: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (!/^\d$/.test(values.nodes))
    throw new Error(`Cannot start "${values.nodes}" nodes; --nodes takes a number from 0 to 9`);
  const { name, kubernetes, help } = values;
  const options = { name, nodes: Number(values.nodes), ...(kubernetes ? { kubernetes } : {}) };
  return { command: positionals[0], help, options };
}

async function main(): Promise<void> {
  const { command, help, options } = parseOptions(process.argv.slice(2));
  if (help || command === undefined) return console.log(usage);
  const execute = commands.get(command);
  if (!execute)
    throw new Error(
      `Cannot "${command}" a cluster; use one of ${[...commands.keys()].join(', ')}, or --help`,
    );
  await execute(options);
}

main().catch((error: unknown) => {
  for (let cause = error; cause instanceof Error; cause = cause.cause) console.error(cause.message);
  process.exitCode = 1;
});

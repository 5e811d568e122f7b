/** The programs that check the charts, built once from Go modules of fixed versions. */
import { buildPrograms, type Programs } from '../e2e/cluster/build.ts';
import type { Toolset } from '../e2e/cluster/toolsets.ts';

const toolsets: Toolset[] = [
  tool('helm', 'helm.sh/helm/v4', '4.3.1', {
    package: 'helm.sh/helm/v4/cmd/helm',
    usualSeconds: 150,
    linkerFlags: '-X helm.sh/helm/v4/internal/version.version=v4.3.1',
  }),
  tool('untt', 'github.com/helm-unittest/helm-unittest', '1.1.2', {
    package: 'github.com/helm-unittest/helm-unittest/cmd/helm-unittest',
    usualSeconds: 30,
  }),
  tool('kubeconform', 'github.com/yannh/kubeconform', '0.8.0', {
    package: 'github.com/yannh/kubeconform/cmd/kubeconform',
    usualSeconds: 10,
  }),
  tool('kube-score', 'github.com/zegl/kube-score', '1.20.0', {
    package: 'github.com/zegl/kube-score/cmd/kube-score',
    usualSeconds: 60,
  }),
  tool('helm-docs', 'github.com/norwoodj/helm-docs', '1.14.2', {
    package: 'github.com/norwoodj/helm-docs/cmd/helm-docs',
    usualSeconds: 30,
  }),
];

interface Build {
  package: string;
  usualSeconds: number;
  linkerFlags?: string;
}

/** Paths of the programs by name, after building those that the cache does not have. */
export function chartTools(progress: (line: string) => void): Promise<Programs> {
  return buildPrograms(toolsets, progress);
}

function tool(name: string, module: string, version: string, build: Build): Toolset {
  return {
    folder: `${name}-${version}`,
    module,
    version,
    programs: [{ name, package: build.package, usualSeconds: build.usualSeconds }],
    linkerFlags: ['-s -w', build.linkerFlags].filter(Boolean).join(' '),
    buildTags: [],
    gigabytes: 1,
  };
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goMod } from './go-module.ts';
import { kubernetesToolset } from './toolsets.ts';

test('the libraries of Kubernetes 1.x.y are required as v0.x.y', () => {
  const text = goMod(kubernetesToolset('1.36.3', true), ['k8s.io/api']);
  assert.match(text, /^require k8s\.io\/kubernetes v1\.36\.3$/m);
  assert.match(text, /^replace k8s\.io\/api => k8s\.io\/api v0\.36\.3$/m);
});

test('a control plane without nodes builds no kubelet', () => {
  const names = kubernetesToolset('1.36.3', false).programs.map(({ name }) => name);
  assert.deepEqual(names, ['kube-apiserver', 'kube-controller-manager', 'kubectl']);
});

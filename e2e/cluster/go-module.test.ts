import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goMod } from './go-module.ts';
import { kubernetesToolset } from './toolsets.ts';

test('the libraries of Kubernetes 1.x.y are required as v0.x.y', () => {
  const staged = { Old: { Path: 'k8s.io/api' }, New: { Path: './staging/src/k8s.io/api' } };
  const text = goMod(kubernetesToolset('1.36.3', true), [staged]);
  assert.match(text, /^require k8s\.io\/kubernetes v1\.36\.3$/m);
  assert.match(text, /^replace k8s\.io\/api => k8s\.io\/api v0\.36\.3$/m);
});

test('what a program replaces in its own go.mod is replaced in ours', () => {
  const fork = { Old: { Path: 'a.io/b', Version: 'v0.3.2' }, New: { Path: 'a.io/fork', Version: 'v0.4.0' } };
  assert.match(
    goMod(kubernetesToolset('1.36.3', true), [fork]),
    /^replace a\.io\/b v0\.3\.2 => a\.io\/fork v0\.4\.0$/m,
  );
});

test('a control plane without nodes builds no kubelet', () => {
  const names = kubernetesToolset('1.36.3', false).programs.map(({ name }) => name);
  assert.deepEqual(names, ['kube-apiserver', 'kube-controller-manager', 'kubectl']);
});

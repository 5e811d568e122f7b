{{/* Name of the chart, or what replaces it. */}}
{{- define "clarive-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Name of all objects. 52 characters leave room for the longest suffix within the 63 of a label. */}}
{{- define "clarive-operator.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- default $full .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "clarive-operator.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{/* The labels of a selector: they can never change. */}}
{{- define "clarive-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "clarive-operator.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | trunc 63 | trimSuffix "-" | quote }}
{{- end }}

{{- define "clarive-operator.labels" -}}
{{- $own := include "clarive-operator.ownLabels" . | fromYaml }}
{{- toYaml (merge $own .Values.global.commonLabels) }}
{{- end }}

{{- define "clarive-operator.ownLabels" -}}
{{ include "clarive-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: clarive
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The labels of what belongs to the operator's pods, and the selector for these. */}}
{{- define "clarive-operator.operatorLabels" -}}
{{- $own := dict "app.kubernetes.io/component" "operator" }}
{{- toYaml (merge $own (include "clarive-operator.labels" . | fromYaml)) }}
{{- end }}

{{- define "clarive-operator.operatorSelector" -}}
{{ include "clarive-operator.selectorLabels" . }}
app.kubernetes.io/component: operator
{{- end }}

{{/* Metadata of a CRD below its name. */}}
{{- define "clarive-operator.crdMetadata" -}}
labels:
  {{- include "clarive-operator.labels" . | nindent 2 }}
{{- $keep := ternary (dict "helm.sh/resource-policy" "keep") dict .Values.crds.keep }}
{{- with merge $keep .Values.crds.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "clarive-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "clarive-operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* The ServiceAccount as the subject of a binding. */}}
{{- define "clarive-operator.subjects" -}}
- kind: ServiceAccount
  name: {{ include "clarive-operator.serviceAccountName" . | quote }}
  namespace: {{ include "clarive-operator.namespace" . | quote }}
{{- end }}

{{/* An image reference with the registry of `global.imageRegistry`, if there is one. Takes a dict of root and image. */}}
{{- define "clarive-operator.imageFrom" -}}
{{- $parts := splitList "/" .image }}
{{- $hasRegistry := and (gt (len $parts) 1) (regexMatch "[.:]|^localhost$" (first $parts)) }}
{{- $registry := .root.Values.global.imageRegistry | trimSuffix "/" }}
{{- if not $registry }}
{{- .image }}
{{- else }}
{{- printf "%s/%s" $registry (join "/" (ternary (rest $parts) $parts $hasRegistry)) }}
{{- end }}
{{- end }}

{{- define "clarive-operator.image" -}}
{{- $tag := printf ":%s" (default .Chart.AppVersion .Values.image.tag) }}
{{- $version := ternary (printf "@%s" .Values.image.digest) $tag (ne .Values.image.digest "") }}
{{- include "clarive-operator.imageFrom" (dict "root" . "image" (printf "%s%s" .Values.image.repository $version)) }}
{{- end }}

{{/* Whether the replicas elect a leader: "true" or "false". */}}
{{- define "clarive-operator.leaderElection" -}}
{{- $enabled := .Values.leaderElection.enabled }}
{{- if kindIs "invalid" $enabled }}
{{- $enabled = ne .Values.global.leaderElection.enabled false }}
{{- end }}
{{- $enabled }}
{{- end }}

{{- define "clarive-operator.leaseNamespace" -}}
{{- coalesce .Values.leaderElection.namespace .Values.global.leaderElection.namespace (include "clarive-operator.namespace" .) }}
{{- end }}

{{- define "clarive-operator.leaseName" -}}
{{- default (include "clarive-operator.fullname" .) .Values.leaderElection.name }}
{{- end }}

{{/* Namespace in which `helm test` runs its daemon. */}}
{{- define "clarive-operator.testNamespace" -}}
{{- coalesce .Values.test.namespace (first .Values.watchNamespaces) (include "clarive-operator.namespace" .) }}
{{- end }}

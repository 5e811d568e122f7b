{{/* Metadata of a CRD below its name. */}}
{{- define "clarive-operator-crds.crdMetadata" -}}
labels:
  {{- $own := include "clarive-operator-crds.ownLabels" . | fromYaml }}
  {{- toYaml (merge $own .Values.global.commonLabels) | nindent 2 }}
{{- $keep := ternary (dict "helm.sh/resource-policy" "keep") dict .Values.keep }}
{{- with merge $keep .Values.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "clarive-operator-crds.ownLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name | trunc 63 | trimSuffix "-" | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: clarive
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

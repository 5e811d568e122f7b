{{- define "clarive-daemons.labels" -}}
{{- $own := include "clarive-daemons.ownLabels" . | fromYaml }}
{{- toYaml (merge $own .Values.global.commonLabels) }}
{{- end }}

{{- define "clarive-daemons.ownLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name | trunc 63 | trimSuffix "-" | quote }}
app.kubernetes.io/part-of: clarive
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "clarive-daemons.dispatcherName" -}}
{{- with .Values.dispatcher.name }}
{{- ternary (printf "%s%s" $.Values.namePrefix .) . $.Values.dispatcher.create }}
{{- end }}
{{- end }}

{{/* The fields of a spec that have a value, as YAML. What is unset is left out, so that nobody owns it. */}}
{{- define "clarive-daemons.spec" -}}
{{- $spec := dict }}
{{- range $field, $value := . }}
{{- if not (or (kindIs "invalid" $value) (and (kindIs "string" $value) (eq $value "")) (and (kindIs "map" $value) (empty $value)) (and (kindIs "slice" $value) (empty $value))) }}
{{- $_ := set $spec $field $value }}
{{- end }}
{{- end }}
{{- toYaml $spec }}
{{- end }}

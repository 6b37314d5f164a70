{{- define "understudy.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "understudy.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- $name := include "understudy.name" . }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "understudy.selector" -}}
app.kubernetes.io/name: {{ include "understudy.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "understudy.labels" -}}
{{ include "understudy.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- if eq .Release.Service "Helm" }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}
{{- end }}

{{- define "understudy.serviceAccountName" -}}
{{- default (include "understudy.fullname" .) .Values.serviceAccount.name }}
{{- end }}

{{- define "understudy.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- define "understudy.expectationsConfigMap" -}}
{{- if .Values.existingExpectationsConfigMap }}
{{- .Values.existingExpectationsConfigMap }}
{{- else if .Values.expectations }}
{{- printf "%s-expectations" (include "understudy.fullname" .) }}
{{- end }}
{{- end }}

{{- /* The settings in effect: what the values say, and where the chart mounts things. */}}
{{- define "understudy.config" -}}
{{- $config := deepCopy .Values.config }}
{{- if include "understudy.expectationsConfigMap" . }}
{{- $_ := set $config "expectationsFolder" "/etc/understudy/expectations" }}
{{- end }}
{{- if .Values.adminToken.existingSecret }}
{{- $_ := set $config "adminTokenFile" "/etc/understudy/admin-token/token" }}
{{- end }}
{{- if .Values.controlToken.existingSecret }}
{{- $_ := set $config "controlTokenFile" "/etc/understudy/control-token/token" }}
{{- end }}
{{- toYaml $config }}
{{- end }}

{{- define "understudy.adminPort" -}}
{{- get .Values.config "adminPort" | default 9901 | int }}
{{- end }}

{{- define "understudy.controlPort" -}}
{{- get .Values.config "controlPort" | default 1080 | int }}
{{- end }}

{{- /* Not empty where namespaces are enrolled by their labels, as they are by default. */}}
{{- define "understudy.readsNamespaces" -}}
{{- if not (hasKey .Values.config "enrolNamespaceLabels") }}yes
{{- else if .Values.config.enrolNamespaceLabels }}yes
{{- end }}
{{- end }}

{{- define "understudy.apparmorByField" -}}
{{- if semverCompare ">=1.30-0" .Capabilities.KubeVersion.Version }}yes{{ end }}
{{- end }}

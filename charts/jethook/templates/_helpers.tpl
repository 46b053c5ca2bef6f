{{/* Labels of everything. */}}
{{- define "jethook.labels" -}}
app.kubernetes.io/part-of: jethook
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What the operator's pods are chosen by; never changes. */}}
{{- define "jethook.operator.selector" -}}
app.kubernetes.io/name: jethook-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "jethook.nats.selector" -}}
app.kubernetes.io/name: jethook-nats
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* A reference to an image. Call with (dict "image" values "default" tag). */}}
{{- define "jethook.image" -}}
{{- with .image -}}
{{- if .registry }}{{ .registry }}/{{ end }}{{ .repository }}
{{- if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.default }}{{ end }}
{{- end -}}
{{- end }}

{{- define "jethook.installId" -}}
{{ .Values.installId | default (printf "%s.%s" .Release.Namespace .Release.Name) }}
{{- end }}

{{- define "jethook.natsUrl" -}}
{{- if .Values.nats.enabled -}}
nats://jethook-nats.{{ .Release.Namespace }}.svc:4222
{{- else -}}
{{ .Values.nats.url }}
{{- end -}}
{{- end }}

{{/* The restricted pod security standard; the user is that of the image. */}}
{{- define "jethook.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "jethook.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* The pod of a hook: one command of the operator's image. Call with (dict "root" . "account" name "args" list). */}}
{{- define "jethook.job" -}}
serviceAccountName: {{ .account }}
restartPolicy: Never
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- include "jethook.podSecurity" .root | nindent 2 }}
{{- with .root.Values.operator.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .root.Values.operator.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.operator.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: jethook
    image: {{ include "jethook.image" (dict "image" .root.Values.image "default" .root.Chart.AppVersion) | quote }}
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    args:
      {{- toYaml .args | nindent 6 }}
    resources: {requests: {cpu: 50m, memory: 96Mi}, limits: {memory: 256Mi}}
    securityContext:
      {{- include "jethook.containerSecurity" .root | nindent 6 }}
    volumeMounts:
      - {name: tmp, mountPath: /tmp}
volumes:
  - name: tmp
    emptyDir: {sizeLimit: 16Mi}
{{- end }}

{{- define "jethook.takeDown.labels" -}}
app.kubernetes.io/name: jethook-take-down
app.kubernetes.io/component: take-down
{{ include "jethook.labels" . }}
{{- end }}

{{/* Annotations of the hook before an uninstall; call with the weight. */}}
{{- define "jethook.takeDown.hook" -}}
helm.sh/hook: pre-delete
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{- define "jethook.test.labels" -}}
app.kubernetes.io/name: jethook-test
app.kubernetes.io/component: test
{{ include "jethook.labels" . }}
{{- end }}

{{- define "jethook.test.hook" -}}
helm.sh/hook: test
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

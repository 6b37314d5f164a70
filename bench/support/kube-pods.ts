/** Pods with what an API server keeps of one: managed fields, environment, probes, volumes, statuses. About 8 KB of JSON. */
import type { PartialObject } from '../../test/support/api-server.ts'

const container = (name: string, number: number): object => ({
  name,
  image: `registry.example/shop/${name}:2.14.${number % 50}`,
  ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
  env: Array.from({ length: 20 }, (_, index) => ({
    name: `SETTING_${index}`,
    value: `value-${index}-of-pod-${number}.shop.svc.cluster.local`,
  })),
  resources: { limits: { cpu: '500m', memory: '512Mi' }, requests: { cpu: '100m', memory: '256Mi' } },
  livenessProbe: {
    httpGet: { path: '/healthz', port: 'http', scheme: 'HTTP' },
    periodSeconds: 10,
    failureThreshold: 3,
  },
  readinessProbe: { httpGet: { path: '/ready', port: 'http', scheme: 'HTTP' }, periodSeconds: 10, failureThreshold: 3 },
  volumeMounts: [
    { name: 'kube-api-access', readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' },
  ],
  terminationMessagePath: '/dev/termination-log',
  terminationMessagePolicy: 'File',
  imagePullPolicy: 'IfNotPresent',
})

const status = (name: string, number: number): object => ({
  name,
  state: { running: { startedAt: '2026-01-02T03:04:05Z' } },
  ready: true,
  restartCount: 0,
  image: `registry.example/shop/${name}:2.14.${number % 50}`,
  imageID: `registry.example/shop/${name}@sha256:${'ab12'.repeat(16)}`,
  containerID: `containerd://${number.toString(16).padStart(64, 'c')}`,
  started: true,
})

const managed = (manager: string): object => ({
  manager,
  operation: 'Update',
  apiVersion: 'v1',
  time: '2026-01-02T03:04:05Z',
  fieldsType: 'FieldsV1',
  fieldsV1: Object.fromEntries(
    Array.from({ length: 13 }, (_, index) => [
      `f:field${index}`,
      { '.': {}, [`k:{"type":"Condition${index}"}`]: { '.': {}, 'f:lastProbeTime': {}, 'f:status': {} } },
    ]),
  ),
})

export const realisticPod = (number: number): PartialObject => ({
  metadata: {
    name: `orders-7d9c6b5f4-${number.toString(36).padStart(5, '0')}`,
    namespace: `team-${number % 40}`,
    labels: { app: 'orders', 'pod-template-hash': '7d9c6b5f4', 'app.kubernetes.io/part-of': 'shop' },
    annotations: {
      'understudy.dev/intercept': 'true',
      'prometheus.io/scrape': 'true',
      'cni.example/podIP': `10.1.${number % 256}.7/32`,
    },
    managedFields: [managed('kube-controller-manager'), managed('kubelet')],
  },
  spec: {
    nodeName: 'node-1',
    serviceAccountName: 'orders',
    containers: [container('orders', number), container('sidecar', number)],
    volumes: [{ name: 'kube-api-access', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }],
  },
  status: {
    phase: 'Running',
    podIP: `10.1.${number % 256}.7`,
    podIPs: [{ ip: `10.1.${number % 256}.7` }],
    containerStatuses: [status('orders', number), status('sidecar', number)],
  },
})

/** What the container runtime of a mini-node is configured with: files in the node's folder. */
import { chmodSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { imageReference } from './image.ts'

const PLUGINS = '/usr/lib/cni'
const RUNC = ['/usr/sbin/runc', '/usr/bin/runc'].find((path) => existsSync(path)) ?? 'runc'
const WITHOUT_RESOURCES = fileURLToPath(new URL('without-resources.ts', import.meta.url))

/** Addresses, the same in every node: each has a network namespace of its own. */
export const NODE_NET = {
  node4: '10.66.0.1',
  node6: 'fd66::1',
  pods4: '10.66.1.0/24',
  pods6: 'fd66:1::/64',
  /** Anything in 10.88.0.0/16 and 2001:db8:88::/48 is answered by whoever listens in the node's network. */
  served4: '10.88.1.2',
  served6: '2001:db8:88::2',
  /** The name server that pods are told of; a served address, nobody listens there unless a test does. */
  dns4: '10.88.0.10',
  /** Packets to these vanish. */
  silent4: '10.90.1.2',
  silent6: '2001:db8:90::2',
  /** The node answers for these that there is no such host. */
  unreachable4: '10.91.1.2',
  unreachable6: '2001:db8:91::2',
} as const

const containerdConfig = (folder: string, runc: string): string => `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp",
]

[grpc]
address = "/run/containerd/containerd.sock"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "${imageReference('busybox')}"
stream_server_address = "127.0.0.1"
# Root without CAP_SYS_RESOURCE may not lower it, and the tests may run so.
restrict_oom_score_adj = true

[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
BinaryName = "${runc}"
SystemdCgroup = false

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "${join(folder, 'cni/bin')}"
conf_dir = "${join(folder, 'cni/net.d')}"
`

const network = {
  cniVersion: '1.0.0',
  name: 'pods',
  plugins: [
    {
      type: 'settled-ptp',
      ipam: {
        type: 'host-local',
        dataDir: '/run/cni-addresses',
        ranges: [[{ subnet: NODE_NET.pods4 }], [{ subnet: NODE_NET.pods6 }]],
        routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
      },
    },
  ],
}

/** ptp waits until a new IPv6 address is known to be unique, one to two seconds a pod, unless the namespace does not ask. */
const SETTLED_PTP = `#!/bin/sh
if [ "$CNI_COMMAND" = ADD ]; then
	nsenter --net="$CNI_NETNS" sh -c 'echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad'
fi
exec ${PLUGINS}/ptp
`

/** runc of version 2 wants controllers that a machine of both versions has in version 1; so it is given no limits to set. */
const limitlessRunc = (node: string): string => `#!/bin/sh
bundle=
for argument; do
	if [ "$bundle" = next ]; then bundle=$argument; fi
	if [ "$argument" = --bundle ]; then bundle=next; fi
done
if [ -n "$bundle" ]; then ${node} ${WITHOUT_RESOURCES} "$bundle/config.json"; fi
exec ${RUNC} "$@"
`

const program = (path: string, text: string): void => {
  writeFileSync(path, text)
  chmodSync(path, 0o755)
}

/** Writes all of it. A test may add a network plugin: cni/bin holds the programs, cni/net.d the one list of them. */
export const writeRuntimeConfig = (folder: string, cgroupView: 'machine' | 'pure-v2'): void => {
  for (const name of ['cni', 'cni/bin', 'cni/net.d', 'logs']) mkdirSync(join(folder, name))
  for (const name of readdirSync(PLUGINS)) symlinkSync(join(PLUGINS, name), join(folder, 'cni/bin', name))
  program(join(folder, 'cni/bin/settled-ptp'), SETTLED_PTP)
  writeFileSync(join(folder, 'cni/net.d/10-pods.conflist'), JSON.stringify(network, null, 2))
  const runc = cgroupView === 'machine' ? RUNC : join(folder, 'limitless-runc')
  if (cgroupView !== 'machine') program(runc, limitlessRunc(process.execPath))
  writeFileSync(join(folder, 'containerd.toml'), containerdConfig(folder, runc))
}

#!/bin/sh
# The first process of a mini-node, started in namespaces of its own (mounts, network, processes): makes them look like a
# node's, then runs the container runtime. Says `pid` first and `ready` before the runtime.
#   node-init.sh FOLDER machine|pure-v2 ADDRESS4 ADDRESS6
set -eu
folder=$1 view=$2 address4=$3 address6=$4
PATH=/usr/sbin:/usr/bin:/sbin:/bin

# /proc is still the machine's, so it names this process as the machine does.
read -r pid rest </proc/self/stat
echo "pid $pid"

# Nothing mounted here is seen outside; what joins later sees what comes later.
mount --make-rshared /
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib
mkdir /run/netns /run/lock
if [ "$view" = pure-v2 ]; then
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi

# Settings before devices exist, so that no IPv6 address is ever tentative.
sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
	net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.tcp_syn_retries=1 \
	net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
ip -batch - <<LINKS
link set lo up
link add eth0 type veth peer name uplink0
link set eth0 up
link set uplink0 up
addr add $address4/24 dev eth0
addr add $address6/64 dev eth0 nodad
route add local 10.88.0.0/16 dev lo
route add local 2001:db8:88::/48 dev lo
route add blackhole 10.90.0.0/16
route add blackhole 2001:db8:90::/48
route add unreachable 10.91.0.0/16
route add unreachable 2001:db8:91::/48
LINKS
echo ready

containerd --config "$folder/containerd.toml" >"$folder/containerd.log" 2>&1 &
# As the first process it also waits for what others leave behind: the shims of containers.
wait "$!"

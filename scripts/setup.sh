#!/bin/sh
# Prepares a checkout: the system packages of the build and the tests (Debian names), then the npm packages.
# Does nothing where nothing is missing.
#   setup.sh            install what is missing: system packages only as root, else the command is printed
#   setup.sh toolchain  only say, by the exit code, whether the BPF and native halves can be built here
set -eu
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

say() { printf 'setup: %s\n' "$*"; }
has_command() { command -v "$1" >/dev/null 2>&1; }
# Debian's nginx has it as a module, others in the program.
nginx_has_stream() {
	[ -e /usr/lib/nginx/modules/ngx_stream_module.so ] || nginx -V 2>&1 | grep -q -e '--with-stream\( \|$\)'
}
# Debian's busybox comes in two packages of the same program, and only one runs in an empty root.
busybox_is_static() { [ -e /bin/busybox ] && ldd /bin/busybox 2>&1 | grep -q 'not a dynamic executable'; }
has_header() { [ -e "/usr/include/$1" ] || [ -e "/usr/include/$(uname -m)-linux-gnu/$1" ]; }
has_go_package() { [ -d "/usr/share/gocode/src/$1" ]; }

# Ubuntu has no package of that name: its bpftool comes with the tools of its kernels.
bpftool_package() {
	if grep -qs '^ID=ubuntu' /etc/os-release; then
		echo "linux-tools-common linux-tools-generic"
	else
		echo bpftool
	fi
}

# Looked for by what they provide, so that another package of the same tool will do.
missing_to_build() {
	has_command clang || echo clang
	has_command bpftool || bpftool_package
	has_command gcc || echo gcc
	has_header stdio.h || echo libc6-dev
	has_header bpf/libbpf.h || echo libbpf-dev
	has_header libelf.h || echo libelf-dev
	has_header zlib.h || echo zlib1g-dev
}

missing_to_test() {
	has_command make || echo make
	has_command clang-format || echo clang-format
	has_command ip || echo iproute2
	has_command nft || echo nftables
	has_command iptables-legacy || echo iptables
	has_command conntrack || echo conntrack
	has_command sysctl || echo procps
	has_command unshare || echo util-linux
	has_command socat || echo socat
	has_command openssl || echo openssl
	has_command nginx || echo nginx-light
	nginx_has_stream || echo libnginx-mod-stream
	has_command haproxy || echo haproxy
	has_command curl || echo curl
	has_command python3 || echo python3
	has_command dnsmasq || echo dnsmasq-base
	has_command musl-gcc || echo musl-tools
	has_command hey || echo hey
	has_command keytool || echo default-jre-headless
	has_command containerd || echo containerd
	has_command runc || echo runc
	[ -e /usr/lib/cni/ptp ] || echo containernetworking-plugins
	busybox_is_static || echo busybox-static
	has_command go || echo golang-go
	has_go_package github.com/Masterminds/sprig || echo golang-github-masterminds-sprig-dev
	has_go_package sigs.k8s.io/yaml || echo golang-k8s-sigs-yaml-dev
}

system_packages() {
	missing=$( (missing_to_build && missing_to_test) | tr '\n' ' ')
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" -eq 0 ] && has_command apt-get; then
		say "installing: $missing"
		export DEBIAN_FRONTEND=noninteractive
		# Lists that are old or not there at all look the same to install: it fails, and an update helps.
		# shellcheck disable=SC2086 # one word each
		apt-get install -y --no-install-recommends $missing ||
			{ apt-get update && apt-get install -y --no-install-recommends $missing; }
		# The tests start an nginx and a containerd of their own; the services that Debian starts would only hold port 80
		# and the runtime's places. One that was there before was not missing, and stays as it is.
		case $missing in
		*nginx-light*) systemctl disable --now nginx >/dev/null 2>&1 || true ;;
		esac
		case " $missing" in
		*" containerd "*) systemctl disable --now containerd >/dev/null 2>&1 || true ;;
		esac
		return 0
	fi
	say "missing on this machine: $missing"
	say "install them, on Debian or Ubuntu with:"
	say "  sudo apt-get update && sudo apt-get install -y --no-install-recommends $missing"
	[ "${CI:-}" != true ]
}

npm_packages() {
	if [ -e node_modules/.package-lock.json ] && [ ! package-lock.json -nt node_modules/.package-lock.json ]; then
		return 0
	fi
	if ! has_command npm; then
		say "npm is not on PATH; it is needed once, to install the packages and the pinned runtime."
		say "Install any Node.js from 20 on with npm (Debian or Ubuntu: sudo apt-get install nodejs npm), run this again."
		return 1
	fi
	say "installing the npm packages"
	# .npmrc keeps it quiet: what npm itself runs on may be older than the pinned runtime, which is no reason to warn.
	npm ci
	touch node_modules/.package-lock.json
}

case ${1:-} in
toolchain) [ -z "$(missing_to_build)" ] ;;
'')
	system_packages
	npm_packages
	;;
*)
	say "unknown argument: $1"
	exit 2
	;;
esac

#!/bin/sh
# The main job on real input: curl, Python and Node in a network namespace of their own, a real nginx in another;
# one call of each is mocked, one forwarded, and the kernel says where each was going. Removes all it made.
set -eu
cd "$(dirname "$0")/.."
PATH=$(pwd)/node_modules/.bin:$PATH:/usr/local/sbin:/usr/sbin:/sbin

app=understudy-demo-app-$$
world=understudy-demo-world-$$
dir=$(mktemp -d "${TMPDIR:-/tmp}/understudy-demo.XXXXXX")
server_pid=
serve_pid=

if [ -t 1 ]; then
	say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
else
	say() { printf '\n%s\n' "$*"; }
fi

clear_up() {
	trap - EXIT INT TERM
	for pid in $server_pid $serve_pid; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	ip netns del "$app" 2>/dev/null || true
	ip netns del "$world" 2>/dev/null || true
	rm -rf "$dir"
}
trap clear_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Two hosts on one machine: addresses that nothing outside them can see.
make_hosts() {
	ip netns add "$app"
	ip netns add "$world"
	ip -n "$app" link add eth0 type veth peer name eth0 netns "$world"
	ip -n "$app" addr add 10.200.0.1/24 dev eth0
	ip -n "$world" addr add 10.200.0.2/24 dev eth0
	ip -n "$app" addr add fd00:200::1/64 dev eth0 nodad
	ip -n "$world" addr add fd00:200::2/64 dev eth0 nodad
	for host in "$app" "$world"; do
		ip -n "$host" link set lo up
		ip -n "$host" link set eth0 up
	done
}

start_server() {
	mkdir -p "$dir/nginx"
	cat >"$dir/nginx.conf" <<-CONF
		daemon off;
		worker_processes 1;
		pid $dir/nginx/pid;
		error_log $dir/nginx/error.log;
		events { worker_connections 64; }
		http {
			access_log $dir/nginx/access.log;
			client_body_temp_path $dir/nginx/body;
			proxy_temp_path $dir/nginx/proxy;
			fastcgi_temp_path $dir/nginx/fastcgi;
			uwsgi_temp_path $dir/nginx/uwsgi;
			scgi_temp_path $dir/nginx/scgi;
			server {
				listen 10.200.0.2:80;
				listen [fd00:200::2]:80;
				default_type application/json;
				location /orders/ { return 503 '{"error":"the real orders service is down"}'; }
				location /catalogue { return 200 '{"items":3,"from":"the real nginx"}'; }
			}
		}
	CONF
	chmod 755 "$dir"
	nsenter --net="/run/netns/$world" nginx -c "$dir/nginx.conf" -e "$dir/nginx/error.log" &
	server_pid=$!
	tries=0
	until nsenter --net="/run/netns/$app" curl -s -o "$dir/first" --max-time 1 http://10.200.0.2/catalogue; do
		tries=$((tries + 1))
		[ "$tries" -lt 50 ] || { cat "$dir/nginx/error.log"; exit 1; }
		sleep 0.1
	done
}

intercepted() {
	make_hosts
	start_server
	say "Without Understudy: the real orders service is down."
	nsenter --net="/run/netns/$app" curl -sS --max-time 5 http://10.200.0.2/orders/7
	echo

	say "The same programs, unchanged, with Understudy: /orders is mocked, /catalogue goes to the real server."
	./bin/understudy run --netns "$app" --expectations examples/mock.yaml --record "$dir/record.ndjson" --summary -- \
		sh examples/all-clients.sh http://10.200.0.2 'http://[fd00:200::2]'

	say "What the real server saw: only the forwarded calls, from the program's own address."
	cut -c 1-60 "$dir/nginx/access.log" | tail -n +3
	say "One line of the record file: the kernel's word for where the call was going."
	grep -m 1 '"decision":"mock"' "$dir/record.ndjson"

	say "A service that exists nowhere, mocked by its name: nobody but Understudy can resolve payments.internal."
	./bin/understudy run --netns "$app" --expectations examples/names.yaml --summary -- \
		curl -sS --max-time 10 http://payments.internal/charges/1
	inbound
}

# The other way round: the program is a server, and its clients are seen.
inbound() {
	say "Connections to a program's own port: the client asks port 8080 and is answered by the program, through Understudy."
	./bin/understudy run --netns "$world" --config examples/inbound.yaml --summary -- \
		python3 examples/one-answer.py 8080 2>"$dir/inbound" &
	serve_pid=$!
	tries=0
	until nsenter --net="/run/netns/$world" ss -Hltn 'sport = :8080' | grep -q .; do
		tries=$((tries + 1))
		[ "$tries" -lt 100 ] || { cat "$dir/inbound" >&2; exit 1; }
		sleep 0.1
	done
	nsenter --net="/run/netns/$app" curl -sS -i --max-time 5 http://10.200.0.2:8080/status
	wait "$serve_pid"
	serve_pid=
	cat "$dir/inbound" >&2
}

# Waits for the port that a server has written into a file.
port_in() {
	tries=0
	until port=$(sed -n 's/.*"port":\([0-9]*\).*/\1/p' "$1" | grep -m 1 .); do
		tries=$((tries + 1))
		[ "$tries" -lt 100 ] || { cat "$1" >&2; exit 1; }
		sleep 0.1
	done
	echo "$port"
}

# No root or no BPF: the same data plane as an explicit proxy. No kernel side, so no original destination.
explicit() {
	node -e '
		const server = require("node:http").createServer((request, response) =>
			response.end("{\"items\":3,\"from\":\"a real server\"}\n"))
		server.listen(0, "127.0.0.1", () => console.log(JSON.stringify(server.address())))' >"$dir/server" &
	server_pid=$!
	UNDERSTUDY_ADMIN_ENABLED=false ./bin/understudy serve --port 0 --expectations examples/mock.yaml 2>"$dir/serve" &
	serve_pid=$!
	server=$(port_in "$dir/server")
	proxy=$(port_in "$dir/serve")
	say "understudy serve as an explicit proxy: /orders is mocked, /catalogue goes to the real server."
	for path in /orders/7 /catalogue; do
		printf 'GET %s\n' "$path"
		curl -sS --max-time 5 --proxy "http://127.0.0.1:$proxy" "http://127.0.0.1:$server$path"
		echo
	done
}

if [ "$(id -u)" -ne 0 ]; then
	say "Not root: BPF programs cannot be loaded, so the intercepted part is skipped (sudo make demo shows it)."
	explicit
elif ! ./bin/understudy doctor >"$dir/doctor" 2>&1; then
	say "This kernel or these rights do not allow interception, so that part is skipped:"
	cat "$dir/doctor"
	explicit
else
	intercepted
fi

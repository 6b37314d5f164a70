#!/bin/sh
# The demo's workload: real, unmodified programs, each of which asks for an order and for the catalogue.
# Usage: all-clients.sh BASE_URL BASE_URL_IPV6
here=$(dirname "$0")
ask() {
	printf 'curl    GET %-12s ' "$2"
	curl -sS --max-time 5 --write-out ' [peer %{remote_ip} port %{remote_port}]' "$1$2" | tr -s ' \n' ' '
	echo
}
ask "$1" /orders/7
ask "$1" /catalogue
ask "$2" /orders/8
if command -v python3 >/dev/null 2>&1; then python3 "$here/client.py" "$1"; fi
if command -v node >/dev/null 2>&1; then node "$here/client.js" "$1"; fi

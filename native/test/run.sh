#!/bin/sh
# Builds and runs the C tests with the address and undefined-behaviour sanitizers. Exit 77: no compiler for them here.
set -eu
cd "$(dirname "$0")/../.."
out=build/native-test
cc=${CC:-cc}
mkdir -p "$out"
flags="-std=gnu11 -O1 -g -Wall -Wextra -Werror -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all"

echo 'int main(void) { return 0; }' > "$out/probe.c"
# shellcheck disable=SC2086 # the flags are words
if ! "$cc" $flags "$out/probe.c" -o "$out/probe" -lbpf -lelf -lz 2> "$out/probe.log" || ! "$out/probe"; then
	echo "no compiler with sanitizers and libbpf here: $(head -n 1 "$out/probe.log")"
	exit 77
fi

# shellcheck disable=SC2086
"$cc" $flags -Ibpf/include native/test/address.test.c -o "$out/address"
"$out/address"

object=build/understudy.bpf.o
[ -f "$object" ] || object=-
bare=-
if command -v clang > /dev/null && echo 'int nothing;' | clang -target bpf -c -x c - -o "$out/bare.o" 2> /dev/null; then
	bare=$out/bare.o
fi
sources=$(find native -maxdepth 1 -name '*.c' ! -name launch.c)
# shellcheck disable=SC2086
"$cc" $flags -Inative native/test/shim.test.c $sources -o "$out/shim" -lbpf -lelf -lz -lpthread
"$out/shim" "$object" "$bare"

for name in netlink original-dst sockets; do
	# shellcheck disable=SC2086
	"$cc" $flags -Inative "native/test/$name.test.c" $sources -o "$out/$name" -lbpf -lelf -lz -lpthread
	"$out/$name"
done

object=build/inbound.bpf.o
[ -f "$object" ] || object=-
# shellcheck disable=SC2086
"$cc" $flags -Inative native/test/inbound.test.c $sources -o "$out/inbound" -lbpf -lelf -lz -lpthread
"$out/inbound" "$object"

#!/bin/sh
# Checks the format of the C halves; without clang-format that is said and skipped, except in CI.
set -eu
cd "$(dirname "$0")/.."
if ! command -v clang-format >/dev/null 2>&1 && [ "${CI:-}" != true ]; then
	echo "lint: no clang-format here (make setup installs it), so the C files are not checked" >&2
	exit 0
fi
find bpf native bench test -name node_modules -prune -o -name '*.[ch]' -exec clang-format --dry-run -Werror {} +

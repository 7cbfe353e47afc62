#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check_format.sh - every C file is as clang-format writes it (`make format`).
set -uo pipefail
cd "$(dirname "$0")/.." || exit
find src tests bench -name '*.[ch]' | sort | while read -r file; do
    clang-format --dry-run -Werror "$file" >/dev/null 2>&1 || echo "$file: not formatted (make format)"
done | { ! grep .; }

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check_tidy.sh [FILE...] - clang-tidy over src (or these files), with the release build's flags. One
# process a file: with several, clang-tidy 14 reports va_lists that are fine. A stamp in build/tidy
# per content of the file, its headers and .clang-tidy makes a second run take seconds.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
folder=build/tidy
mkdir -p $folder/clean
# Flags that only gcc knows, and -Werror: the checks of .clang-tidy decide here.
sed -E 's/ -Werror| -Wlogical-op| -Wduplicated-cond| -Wrestrict| -ftrivial-auto-var-init=zero//g' \
    build/compile_commands.json >$folder/compile_commands.json

tidy() {
    local file=$1 log stamp
    log=$folder/${file//\//_}.log
    # -MM lists the file and our headers, as a rule of make.
    stamp=$folder/clean/$({ gcc -std=c17 -D_GNU_SOURCE -DAIRE_VERSION='""' -Isrc -MM "$file" |
        sed 's/^[^:]*://; s/\\$//' | xargs sha256sum; sha256sum .clang-tidy; } | sha256sum | cut -c1-40)
    [ -f "$stamp" ] && return
    if clang-tidy --quiet -p $folder "$file" >"$log" 2>&1 && ! grep -qE ' (error|warning): ' "$log"; then
        touch "$stamp"
    else
        grep -E ' (error|warning): ' "$log" | sed "s|$PWD/||" || { echo "$file:"; tail -5 "$log"; }
        return 1
    fi
}
export -f tidy
export folder
if [ $# -eq 0 ]; then
    mapfile -t files < <(find src -name '*.c' -size +2k -printf '%s %p\n' | sort -rn | cut -d' ' -f2
        find src -name '*.c' -not -size +2k)
    set -- "${files[@]}"
fi
# A header's finding comes with every file that includes it.
printf '%s\n' "$@" | xargs -P "${JOBS:-$(nproc)}" -I{} bash -c 'tidy {}' | sort -u

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# build.sh PRESET [TARGET...] - configures a CMake preset where needed and builds; goes on past errors
# so that one run shows all of them. PRESET's folder: build (release) or build-PRESET.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1
shift
folder=build-$preset
options=()
if [ "$preset" = release ]; then
    folder=build
    options=(-DAIRE_TESTS=OFF) # `make demo` has no need of the test libraries
fi
command -v ccache >/dev/null && options+=(-DCMAKE_C_COMPILER_LAUNCHER=ccache)
mkdir -p "$folder"
cmake --preset "$preset" "${options[@]}" >"$folder/configure.log" 2>&1 || {
    cat "$folder/configure.log"
    exit 1
}
echo "building in $folder (a minute or two when cold)"
exec ninja -C "$folder" -j "${JOBS:-$(nproc)}" -k 0 --quiet "$@"

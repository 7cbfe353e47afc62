#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sim.sh NAME [SEED] [SECONDS] - builds the simulator `sim` or `sim_runs` with sanitizers; replays one seed, or
# tries new ones.
set -euo pipefail
cd "$(dirname "$0")/.."
name=$1
tools/build.sh asan "$name"
if [ -n "${2:-}" ]; then
    exec "build-asan/$name" --seed "$2"
fi
exec "build-asan/$name" --seconds "${3:-60}"

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# style.sh - all checks of how the code is written, over a release build that exists. Its last line is
# "N passed, N failed"; what fails is printed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
mkdir -p build/check/style
passed=0 failed=0
for check in layers sizes calls format tidy hygiene; do
    log=build/check/style/$check.log
    start=$SECONDS
    if tools/check_$check.sh >"$log" 2>&1; then
        ((++passed))
        printf '%-8s ok      %3d s  %s\n' $check $((SECONDS - start)) "$(tail -1 "$log")"
    else
        ((++failed))
        printf '%-8s FAILED  %3d s\n' $check $((SECONDS - start))
        sed 's/^/  /' "$log"
    fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check_hygiene.sh - what is unfinished is an issue, not a comment; every source names its licence.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
bad=0
if grep -rnwE 'TODO|FIXME|XXX|HACK' src; then
    echo "no such notes in src"
    bad=1
fi
while read -r file; do
    head -3 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || {
        echo "$file: no SPDX line among the first three"
        bad=1
    }
done < <(find Makefile CMakeLists.txt .ci src tests bench tools examples packaging sdk -name node_modules -prune -o \
    -type f \( -name '*.[ch]' -o -name '*.sh' -o -name '*.py' -o -name '*.js' -o -name '*.mjs' -o -name '*.ts' \
    -o -name Makefile -o -name CMakeLists.txt -o -path '.ci/*' \) -print | sort)
if grep -rnIE ' +$' src tests bench tools Makefile CMakeLists.txt --include='*.[ch]' --include='*.sh' \
    --include='*.py' --include='*.def' --include='Makefile' | sed -E 's/^([^:]*:[0-9]+):.*/\1: space at the end of the line/' |
    grep .; then
    bad=1
fi
exit $bad

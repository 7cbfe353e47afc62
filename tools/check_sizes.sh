#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check_sizes.sh - the size budget: headers 120 lines, sources 800, functions 70, lines 100 columns
# (tables in .def files may be wider). Parameters and complexity are clang-tidy's part.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
bad=0
mapfile -t files < <(find src tests bench -name '*.[ch]' | sort)

# A function is what stands between { and } in column 0; an initialiser opens on the line of its name.
awk '
    function file_ends() {
        limit = file ~ /\.h$/ ? 120 : 800
        if (file != "" && lines > limit) {
            print file ": " lines " lines, the limit is " limit
            bad = 1
        }
    }
    FNR == 1 { file_ends(); file = FILENAME; begins = 0 }
    { lines = FNR }
    /^\{/ { begins = FNR }
    /^\}/ && begins {
        if (FNR - begins > 70) {
            print FILENAME ":" begins ": a function of " FNR - begins " lines, the limit is 70"
            bad = 1
        }
        begins = 0
    }
    END { file_ends(); exit bad }' "${files[@]}" || bad=1

# Columns are characters, not bytes.
if LC_ALL=C.UTF-8 grep -nE '^.{101,}$' "${files[@]}" | sed -E 's/^([^:]*:[0-9]+):.*/\1: over 100 columns/' |
    grep .; then
    bad=1
fi

# Reported, not enforced: what is worth saying is not a matter of a share.
find src -name '*.[ch]' -print0 | xargs -0 cat | awk '
    /^[ \t]*$/ { next }
    { all++ }
    /^[ \t]*\/\*/ { inside = 1 }
    inside { comments++ }
    /\*\// { inside = 0 }
    END { printf "%d lines in src, %.0f %% of them comments (aim 12-20 %%)\n", all, 100 * comments / all }'
exit $bad

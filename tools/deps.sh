#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# deps.sh GROUP... - installs the packages of these groups that are missing (Debian 12), and says so.
set -euo pipefail
cd "$(dirname "$0")/.."
list=packaging/deps-debian12.txt

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=()
while read -r group package command; do
    case " $* " in *" $group "*) ;; *) continue ;; esac
    is_installed "$package" && continue
    [ -n "$command" ] && command -v "$command" >/dev/null && continue
    missing+=("$package")
done < <(grep -vE '^(#|$)' $list)
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
    echo "deps: no apt-get here; install what these Debian packages hold: ${missing[*]}" >&2
    exit 4
fi
root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
        echo "deps: become root, or install sudo, to install: ${missing[*]}" >&2
        exit 4
    }
    root=(sudo)
fi
# Through env, because sudo drops the caller's environment.
apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -qq)
echo "deps: apt-get install ${missing[*]}"
"${apt[@]}" update
"${apt[@]}" install -y --no-install-recommends "${missing[@]}" >/dev/null

#!/bin/bash
# Runs the tests of everything that is published and writes what they saw into docs/packaging-verified.md. As root, on
# Debian, some minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
record=docs/packaging-verified.md
need="lintian:lintian debootstrap:debootstrap rpm:rpm systemd-nspawn:systemd-container buildah:buildah docker-compose:docker-compose qemu-aarch64:qemu-user"
packages=""
for n in $need; do command -v "${n%%:*}" >/dev/null || packages="$packages ${n##*:}"; done
if [ -n "$packages" ]; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends $packages
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
{
  echo "# What was verified of packages, releases and the image"
  echo
  echo "Written by \`make e2e-packages\` on $(date -u +%F), $(. /etc/os-release && echo "$PRETTY_NAME"). Each line is a check that was run; the scripts in"
  echo "\`deploy/\` say how. What was never run is at the end of [install.md](install.md#what-was-tried)."
  for t in packages release container; do
    deploy/test-$t.sh > "$log" 2>&1 || { cat "$log" >&2; exit 1; }
    echo
    echo "## deploy/test-$t.sh"
    echo
    grep -E '^(ok|not run): ' "$log" | sed 's/^ok:   /  - /; s/^ok: /- /; s/^not run: /- not run: /'
  done
} > "$record.new"
mv "$record.new" "$record"
cat "$record"

#!/bin/bash
# Makes a Debian system to try packages and images in, once, and prints where it is. As root.
set -euo pipefail
base="${TMPDIR:-/tmp}/trapgw-base-2"
if [ ! -e "$base/done" ]; then
  rm -rf "$base"
  debootstrap --variant=minbase --include=systemd,systemd-sysv,man-db,curl,ca-certificates,adduser,procps,iproute2 bookworm "$base" http://deb.debian.org/debian >&2
  # What the Ansible role needs. debootstrap does not resolve its dependencies.
  systemd-nspawn -q -D "$base" --register=no --keep-unit --console=pipe env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends ansible-core python3-apt </dev/null >&2
  touch "$base/done"
fi
echo "$base"

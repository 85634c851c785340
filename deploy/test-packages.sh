#!/bin/bash
# Builds the packages and tries them for real, as root: lintian, then a Debian system of its own that boots under systemd
# (debootstrap, systemd-nspawn), in which the deb is installed, started with all its hardening, reloaded, restarted under
# load with socket activation, killed by its watchdog, and removed without a trace; and the rpm is installed and erased.
#
#   deploy/test-packages.sh            builds into dist/
#   DIST=DIR deploy/test-packages.sh   takes what DIR holds
set -euo pipefail
cd "$(dirname "$0")/.."

need="lintian debootstrap rpm:rpm systemd-nspawn:systemd-container"
packages=""
for n in $need; do command -v "${n%%:*}" >/dev/null || packages="$packages ${n##*:}"; done
if [ -n "$packages" ]; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends $packages
fi

dist="${DIST:-dist}"
[ -n "${DIST:-}" ] || go run ./deploy/release -dist "$dist" -arch amd64 -version "${VERSION:-0.0.1}"
deb=$(ls "$dist"/gluster-trapgw_*_amd64.deb)
rpm=$(ls "$dist"/gluster-trapgw-*.x86_64.rpm)

echo "== lintian"
lintian --fail-on error,warning --allow-root "$deb"

echo "== a system of its own"
base="${TMPDIR:-/tmp}/trapgw-base"
[ -e "$base/done" ] || {
  rm -rf "$base"
  debootstrap --variant=minbase --include=systemd,systemd-sysv,man-db,curl,adduser,procps bookworm "$base" http://deb.debian.org/debian >/dev/null
  touch "$base/done"
}
root=$(mktemp -d "${TMPDIR:-/tmp}/trapgw-root.XXXXXX")
trap 'rm -rf "$root"' EXIT
cp -a "$base/." "$root/"
# minbase leaves the manual out.
rm -f "$root"/etc/dpkg/dpkg.cfg.d/*
everything() { (cd "$root" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./run -o -path ./tmp -o -path ./var/cache \
  -o -path ./var/log -o -path './var/lib/systemd' -o -path ./var/lib/dpkg -o -path './etc/*-' \) -prune -o -print | sort; cat etc/passwd etc/group); }

echo "== rpm: install and erase"
everything > "$root.before"
rpm --root "$root" --nodeps -i "$rpm"
[ "$(stat -c %U:%G:%a "$root/usr/bin/gluster-trapgw")" = root:root:755 ]
chroot "$root" stat -c '%U:%G:%a' /etc/gluster-trapgw/config.yaml | grep -x root:gluster-trapgw:640
chroot "$root" gluster-trapgw config check --config /etc/gluster-trapgw/config.yaml
rpm --root "$root" --nodeps -V gluster-trapgw
rpm --root "$root" --nodeps -e gluster-trapgw
chroot "$root" userdel gluster-trapgw   # rpm packages leave their user
rm -rf "$root/var/lib/rpm" "$root/usr/lib/sysimage" "$root/root/.rpmdb"
everything > "$root.after"
diff "$root.before" "$root.after"

echo "== deb: install, run under systemd, purge"
cp "$deb" "$root/package.deb"
cp deploy/test-packages-inside.sh "$root/inside.sh"
cat > "$root/etc/systemd/system/inside.service" <<'UNIT'
[Unit]
After=multi-user.target
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
ExecStart=/bin/bash /inside.sh
StandardOutput=file:/result
StandardError=file:/result
TimeoutStartSec=300
UNIT
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -s ../inside.service "$root/etc/systemd/system/multi-user.target.wants/"
timeout 400 systemd-nspawn -q -D "$root" --register=no --keep-unit --private-network -b --console=pipe </dev/null >"$root.console" 2>&1 || true
cat "$root/result"
grep -qx 'everything works' "$root/result" || { tail -20 "$root.console"; exit 1; }
rm -f "$root/package.deb" "$root/inside.sh" "$root/result" "$root/etc/systemd/system/inside.service" "$root/etc/systemd/system/multi-user.target.wants/inside.service"
everything > "$root.after"
# What the first boot of the system itself leaves.
diff "$root.before" "$root.after" | grep '^[<>]' | grep -i 'trapgw\|gluster' && { echo "the package left something behind"; exit 1; }
rm -f "$root.before" "$root.after" "$root.console"
echo "packages: everything works"

#!/bin/bash
# Builds the packages and tries them for real, as root: lintian, then a Debian system of its own that boots under systemd
# (debootstrap, systemd-nspawn), in which the deb is installed, started with all its hardening, reloaded, restarted under
# load with socket activation, killed by its watchdog, upgraded, removed without a trace, and installed by the Ansible role;
# and the rpm is installed, upgraded and erased. Lines that begin with ok: are what docs/packaging-verified.md records.
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

work=$(mktemp -d "${TMPDIR:-/tmp}/trapgw-packages.XXXXXX")
root="$work/root"
trap 'rm -rf "$work"' EXIT
mkdir "$root"
go run ./deploy/release -dist "$work/dist" -arch amd64 -version 0.0.1
go run ./deploy/release -dist "$work/new" -arch amd64 -version 0.0.2
deb=$(ls "$work"/dist/gluster-trapgw_*_amd64.deb)
rpm=$(ls "$work"/dist/gluster-trapgw-*.x86_64.rpm)
newrpm=$(ls "$work"/new/gluster-trapgw-*.x86_64.rpm)

echo "== lintian"
lintian --fail-on error,warning --allow-root "$deb"
echo "ok: $(lintian --version | head -1): no errors, no warnings"

echo "== a system of its own"
base=$(deploy/test-base.sh 2>"$work/base.log") || { cat "$work/base.log"; exit 1; }
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
echo '# changed here' >> "$root/etc/gluster-trapgw/config.yaml"
rpm --root "$root" --nodeps -U "$newrpm"
grep -q '# changed here' "$root/etc/gluster-trapgw/config.yaml"
chroot "$root" gluster-trapgw version | grep -F ' 0.0.2 '
rpm --root "$root" --nodeps -e gluster-trapgw
[ -e "$root/etc/gluster-trapgw/config.yaml.rpmsave" ]   # it was changed
rm -r "$root/etc/gluster-trapgw"
chroot "$root" userdel gluster-trapgw   # rpm packages leave their user
rm -rf "$root/var/lib/rpm" "$root/usr/lib/sysimage" "$root/root/.rpmdb"
everything > "$root.after"
diff "$root.before" "$root.after"
echo "ok: $(rpm --version): the rpm installs, verifies (rpm -V), upgrades with the changed configuration kept, erases and leaves nothing else"

echo "== deb: install, run under systemd, purge"
cp "$deb" "$root/package.deb"
# The next version comes with another configuration, as one may.
dpkg-deb -R "$work"/new/gluster-trapgw_*_amd64.deb "$work/next"
echo '# the next version says more' >> "$work/next/etc/gluster-trapgw/config.yaml"
dpkg-deb -Zgzip --root-owner-group -b "$work/next" "$root/next.deb" >/dev/null
cp -r deploy/ansible "$root/ansible"
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
TimeoutStartSec=400
UNIT
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -s ../inside.service "$root/etc/systemd/system/multi-user.target.wants/"
timeout 500 systemd-nspawn -q -D "$root" --register=no --keep-unit --private-network -b --console=pipe </dev/null >"$root.console" 2>&1 || true
cat "$root/result"
grep -qx 'everything works' "$root/result" || { tail -20 "$root.console"; exit 1; }
rm -rf "$root/package.deb" "$root/next.deb" "$root/ansible" "$root/inside.sh" "$root/result" "$root/etc/systemd/system/inside.service" "$root/etc/systemd/system/multi-user.target.wants/inside.service"
everything > "$root.after"
# What the first boot of the system itself leaves.
diff "$root.before" "$root.after" | grep '^[<>]' | grep -i 'trapgw\|gluster' && { echo "the package left something behind"; exit 1; }
echo "ok: nothing is left in the system after purge"
echo "packages: everything works"

#!/bin/bash
# Builds the release twice, from two clones in different places, with different umasks and time zones: all files must be the same.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d "${TMPDIR:-/tmp}/trapgw-release.XXXXXX")
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
git diff --quiet HEAD || echo "note: what is not committed is not in it"
git clone -q . "$work/one"
git clone -q . "$work/another/place"
args="-version ${VERSION:-1.2.3} -arch ${ARCH:-amd64,arm64}"
(cd "$work/one" && go run ./deploy/release $args -dist "$work/a")
(cd "$work/another/place" && umask 077 && TZ=Pacific/Auckland go run ./deploy/release $args -dist "$work/b" >/dev/null)
diff -r "$work/a" "$work/b"
(cd "$work/a" && sha256sum -c --quiet SHA256SUMS && ls -l)
if grep -rla "$work" "$work/a"; then echo "a path of the building machine got in"; exit 1; fi
tar -xzf "$work"/a/*linux-amd64.tar.gz -C "$work"
bin=$(echo "$work"/gluster-trapgw-*/usr/bin/gluster-trapgw)
"$bin" version | grep " ${VERSION:-1.2.3} "
case "$(file -b "$bin")" in *"statically linked"*stripped*) ;; *) file "$bin"; exit 1 ;; esac
case "$(file -b "$bin")" in *"not stripped"*) echo "not stripped"; exit 1 ;; esac
# Every module of the program is in its bill of materials.
go version -m "$bin" | awk '$1 == "dep" {print $2 "@" $3}' | while read -r m; do
  grep -qF "pkg:golang/$m\"" "$work"/a/*linux-amd64.cdx.json || { echo "$m is not in the bill of materials"; exit 1; }
done
echo "ok: $(go version | cut -d' ' -f3): two builds in two places, with another umask and time zone, are the same byte for byte:"
(cd "$work/a" && ls | sed 's/^/ok:   /')
echo "ok: the program is static and stripped, names no path of the building machine, and every module of it is in the bill of materials"
if command -v qemu-aarch64 >/dev/null; then
  mkdir "$work/arm64"
  tar -xzf "$work"/a/*linux-arm64.tar.gz -C "$work/arm64"
  qemu-aarch64 "$work"/arm64/*/usr/bin/gluster-trapgw demo > "$work/demo"
  grep -q glusterBrickDisconnected "$work/demo"
  echo "ok: the demo works with the arm64 program under $(qemu-aarch64 --version | head -1 | cut -d'(' -f1)"
else
  echo "not run: qemu-aarch64 is not installed"
fi

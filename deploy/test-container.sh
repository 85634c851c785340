#!/bin/bash
# What the container image has: the static program alone in an empty root directory, as the image's user, with certificates
# of authorities and time zones as it finds them there; and the image itself, where Buildah is installed. As root.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d "${TMPDIR:-/tmp}/trapgw-container.XXXXXX")
pids=""
trap 'cat "$work/log" 2>/dev/null || true' ERR
trap 'for p in $pids; do kill "$p" 2>/dev/null || true; done; wait; rm -rf "$work"' EXIT
root="$work/root"

# As in deploy/container/Dockerfile.
mkdir -p "$root"/{usr/bin,etc/ssl/certs,etc/gluster-trapgw,tmp,var/lib/gluster-trapgw}
CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.release=container" -o "$root/usr/bin/gluster-trapgw" ./cmd/gluster-trapgw
chmod 1777 "$root/tmp" && chown 65532:65532 "$root/var/lib/gluster-trapgw"
chmod 755 "$work"
! ldd "$root/usr/bin/gluster-trapgw" >/dev/null 2>&1 || { echo "the program is not static"; exit 1; }
inside() { chroot --userspec=65532:65532 "$root" "$@"; }

echo "== alone"
inside /usr/bin/gluster-trapgw version
inside /usr/bin/gluster-trapgw mib | grep '^GLUSTER-EVENTS-MIB DEFINITIONS'
for f in config try; do   # of the image, and of compose.yaml
  cp "deploy/container/$f.yaml" "$root/etc/gluster-trapgw/config.yaml"
  inside /usr/bin/gluster-trapgw config check --config /etc/gluster-trapgw/config.yaml
done

echo "== delivers over TLS to a collector whose authority only the image's certificates name"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=collector -addext "subjectAltName=IP:127.0.0.1" \
  -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
port=$((20000 + RANDOM % 10000)); hook=$((port + 1)); admin=$((port + 2)); snmp=$((port + 3))
openssl s_server -accept "127.0.0.1:$port" -cert "$work/cert.pem" -key "$work/key.pem" -quiet > "$work/received" 2>&1 < <(sleep 600) &
pids="$pids $!"
"$root/usr/bin/gluster-trapgw" listen --snmp "127.0.0.1:$snmp" --syslog-udp "" --syslog-tcp "" > "$work/traps" 2>&1 &
pids="$pids $!"
cat > "$root/etc/gluster-trapgw/config.yaml" <<CONFIG
webhook: {listen: "127.0.0.1:$hook"}
admin: {listen: "127.0.0.1:$admin"}
policy_file: policy.yaml
outputs:
  - {name: siem, syslog: {target: "tls://127.0.0.1:$port"}}
  - {name: noc, snmp: {target: "127.0.0.1:$snmp", version: 2c, community: public}}
CONFIG
cat > "$root/etc/gluster-trapgw/policy.yaml" <<'POLICY'
time_intervals:
  - {name: always, location: Europe/Berlin, times: ["00:00-24:00"]}
rules:
  - {name: by the clock of Berlin, match: {during: always}, send_to: "*"}
POLICY
serve() {
  chroot --userspec=65532:65532 "$root" /usr/bin/gluster-trapgw serve --config /etc/gluster-trapgw/config.yaml > "$work/log" 2>&1 &
  gateway=$!
  pids="$pids $gateway"
}
post() {
  curl -s --retry 10 --retry-connrefused --retry-delay 1 -o /dev/null -w '%{http_code}\n' -H 'Content-Type: application/json' \
    -d '{"event":"BRICK_DISCONNECTED","nodeid":null,"ts":0,"message":{"peer":"gfs2","volume":"gv0","brick":"/bricks/'"$1"'"}}' "http://127.0.0.1:$hook/listen"
}
wait_for() { for _ in $(seq 100); do grep -aq "$1" "$2" && return; sleep 0.1; done; echo "no $1 in $2"; cat "$2" "$work/log"; return 1; }
serve
[ "$(post b1)" = 200 ]
wait_for glusterBrickDisconnected "$work/traps"
wait_for 'certificate signed by unknown authority' "$work/log"   # nobody trusts it yet
kill "$gateway"; wait "$gateway"
cp "$work/cert.pem" "$root/etc/ssl/certs/ca-certificates.crt"
chmod 644 "$root/etc/ssl/certs/ca-certificates.crt"
serve
wait_for 'brick/gfs2:/bricks/b1' "$work/received"                # kept on disk meanwhile
echo "== what it wrote"
(cd "$root" && find . -newer "$work/cert.pem" -type f | sort)
[ -z "$(cd "$root" && find . -user 65532 -type f -not -path './var/lib/gluster-trapgw/*')" ]
echo "ok: the program works in an empty root as user 65532, delivers over TLS and writes only its state"

echo "== compose file"
if command -v docker-compose >/dev/null; then
  docker-compose -f deploy/container/compose.yaml config -q
  echo "ok: $(docker-compose --version) reads compose.yaml"
else
  echo "not run: docker-compose is not installed"
fi

echo "== the image"
if ! command -v buildah >/dev/null; then
  echo "not run: buildah is not installed"
  exit 0
fi
# No registry is asked: a Debian with this machine's Go stands in for the image that the Dockerfile begins with.
base=$(deploy/test-base.sh 2>"$work/base.log") || { cat "$work/base.log"; exit 1; }
b() { buildah --storage-driver vfs --root "$work/storage" --runroot "$work/run" "$@"; }
trap 'for p in $pids; do kill "$p" 2>/dev/null || true; done; wait; b rm -a >/dev/null 2>&1 || true; b rmi -a -f >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
golang=$(b from scratch)
b add -q "$golang" "$base" / >/dev/null
b add -q "$golang" "$(go env GOROOT)" /usr/local/go >/dev/null
b config --env PATH=/usr/local/go/bin:/usr/sbin:/usr/bin:/sbin:/bin --env GOPATH=/go --env GOTOOLCHAIN=local "$golang"
b commit -q "$golang" localhost/golang-stand-in >/dev/null
git ls-files -z | tar --null -T - -c | (mkdir "$work/sources" && tar -x -C "$work/sources")
b bud -q --isolation chroot --pull-never --build-context golang:1.25-bookworm=container-image://localhost/golang-stand-in \
  -v "$(go env GOMODCACHE):/go/pkg/mod:ro" -t gluster-trapgw -f "$work/sources/deploy/container/Dockerfile" "$work/sources" > "$work/bud.log" 2>&1 || { cat "$work/bud.log"; exit 1; }
image=$(b from --pull-never localhost/gluster-trapgw)
b run --isolation chroot "$image" -- /usr/bin/gluster-trapgw version
b run --isolation chroot "$image" -- /usr/bin/gluster-trapgw config check
b run --isolation chroot "$image" -- /usr/bin/gluster-trapgw demo > "$work/demo"
grep -q 'glusterBrickDisconnected' "$work/demo"
mount=$(b mount "$image")
[ "$(cd "$mount" && find . -type f -not -path './etc/host*' -not -path './etc/resolv.conf' | sort | tr '\n' ' ')" = "./etc/gluster-trapgw/config.yaml ./etc/ssl/certs/ca-certificates.crt ./usr/bin/gluster-trapgw " ]
echo "ok: $(buildah --version | cut -d'(' -f1): the image builds from the Dockerfile (with a stand-in for golang:1.25-bookworm), has three files, runs as 65532: config check and demo work"

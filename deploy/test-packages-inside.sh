#!/bin/bash
# The part of test-packages.sh that runs in the booted system.
set -euo pipefail
trap 'echo "failed in line $LINENO: $BASH_COMMAND"; journalctl -q -u gluster-trapgw --no-pager | tail -20' ERR
config=/etc/gluster-trapgw/config.yaml
prop() { systemctl show -P "$1" gluster-trapgw; }
event() { printf '{"event":"VOLUME_CREATE","ts":%d,"nodeid":"1a6111b8-4f13-4c02-9739-2c473e398b41","message":{"name":"gv%s","bricks":"a:/b"}}' "$(date +%s)" "$1"; }
post() { curl -sS --max-time 20 -o /dev/null -w '%{http_code}\n' -H 'Content-Type: application/json' -d "$(event "$1")" http://127.0.0.1:9000/listen; }
stored() { gluster-trapgw history --config $config --event VOLUME_CREATE --limit 0 --json | wc -l; }
until_is() { for _ in $(seq 100); do [ "$(eval "$1")" = "$2" ] && return; sleep 0.2; done; echo "$1 is $(eval "$1"), not $2"; return 1; }

ip link set lo up 2>/dev/null || true
dpkg -i /package.deb
gluster-trapgw version
man -w gluster-trapgw.yaml
man gluster-trapgw-serve | grep 'run the gateway'
gluster-trapgw config check --config $config
stat -c '%U:%G:%a %n' $config /etc/gluster-trapgw
[ "$(systemctl is-enabled gluster-trapgw || true)" = disabled ]
[ "$(prop ActiveState)" = inactive ]

echo "-- start"
systemctl start gluster-trapgw
[ "$(prop ActiveState)" = active ]
[ "$(ps -o user= -p "$(prop MainPID)")" = gluster-+ ] || ps -o user= -p "$(prop MainPID)"
grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' "/proc/$(prop MainPID)/status"
grep -q '^CapEff:.0000000000000000' "/proc/$(prop MainPID)/status"
grep -q '^Seccomp:.2' "/proc/$(prop MainPID)/status"
[ "$(post 1)" = 200 ]
gluster-trapgw status --config $config
prop StatusText
journalctl -q -u gluster-trapgw --no-pager | tail -4

echo "-- reload"
systemctl reload gluster-trapgw
[ "$(prop ActiveState)" = active ]
journalctl -q -u gluster-trapgw --no-pager | grep 'policy reloaded'
cp -p $config $config.good
echo 'polcy_file: x' >> $config
if systemctl reload gluster-trapgw; then echo "reloaded with a mistake"; exit 1; fi
[ "$(prop ActiveState)" = active ]
cp -p $config.good $config

echo "-- watchdog"
mkdir -p /run/systemd/system/gluster-trapgw.service.d
printf '[Service]\nWatchdogSec=3s\n' > /run/systemd/system/gluster-trapgw.service.d/test.conf
systemctl daemon-reload
systemctl restart gluster-trapgw
sleep 7   # more than twice the time: only its pings keep it
[ "$(prop NRestarts)" = 0 ]
kill -STOP "$(prop MainPID)"
until_is 'prop NRestarts' 1
until_is 'prop ActiveState' active
[ "$(post 2)" = 200 ]

echo "-- socket activation: restarts under load"
systemctl stop gluster-trapgw
systemctl start gluster-trapgw.socket
[ "$(post 3)" = 200 ]   # starts it
[ "$(prop ActiveState)" = active ]
before=$(stored)
(for i in $(seq 300); do post "s$i"; done) > /tmp/codes 2>&1 &
load=$!
for _ in 1 2 3 4; do sleep 1; systemctl restart gluster-trapgw; done
wait $load
sort /tmp/codes | uniq -c
[ "$(sort -u /tmp/codes)" = 200 ]
echo "stored: $(($(stored) - before)) of 300"
[ $(($(stored) - before)) = 300 ]

echo "-- upgrade keeps the configuration, and runs again"
echo '# changed here' >> $config
pid=$(prop MainPID)
dpkg -i /package.deb
grep -q '# changed here' $config
[ "$(prop ActiveState)" = active ]
[ "$(prop MainPID)" != "$pid" ]

echo "-- purge"
dpkg -P gluster-trapgw
[ ! -e /var/lib/gluster-trapgw ] && [ ! -e /etc/gluster-trapgw ] && [ ! -e /usr/bin/gluster-trapgw ]
if getent passwd gluster-trapgw; then exit 1; fi
if pgrep -f 'gluster-trapgw serve'; then exit 1; fi
rm -rf /run/systemd/system/gluster-trapgw.service.d
echo "everything works"

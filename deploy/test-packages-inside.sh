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
echo "ok: $(systemctl --version | head -1): the deb installs, neither enabled nor started, configuration root:gluster-trapgw 0640"

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

echo "ok: it is ready (Type=notify), without capabilities, with NoNewPrivs and a system call filter, and stores an event"
echo "ok: $(systemd-analyze security gluster-trapgw.service --no-pager | tail -1 | sed 's/^[^O]*//; s/ OK.*//')"

echo "-- reload"
systemctl reload gluster-trapgw
[ "$(prop ActiveState)" = active ]
journalctl -q -u gluster-trapgw --no-pager | grep 'policy reloaded'
cp -p $config $config.good
echo 'polcy_file: x' >> $config
if systemctl reload gluster-trapgw; then echo "reloaded with a mistake"; exit 1; fi
[ "$(prop ActiveState)" = active ]
cp -p $config.good $config
rm $config.good
echo "ok: reload reads the policy again; with a mistake in the configuration it fails and the gateway goes on"

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
echo "ok: the watchdog leaves it alone while it answers, and restarts it when it hangs (SIGSTOP)"

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
echo "ok: 300 events with a connection each, posted while it was restarted 4 times with socket activation: 300 answered 200, 300 stored"

echo "-- upgrade keeps the configuration and the log, and runs again"
echo '# changed here' >> $config
pid=$(prop MainPID)
before=$(stored)
dpkg --force-confdef --force-confold -i /next.deb
gluster-trapgw version | grep -F ' 0.0.2 '
tail -n 1 $config | grep -x '# changed here'
tail -n 1 $config.dpkg-dist | grep -x '# the next version says more'
rm $config.dpkg-dist
[ "$(prop ActiveState)" = active ]
[ "$(prop MainPID)" != "$pid" ]
[ "$(post 4)" = 200 ]
[ $(($(stored) - before)) = 1 ]
echo "ok: an upgrade keeps the changed configuration and the log, and restarts the gateway"

echo "-- remove keeps them too"
systemctl enable gluster-trapgw gluster-trapgw.socket
dpkg -r gluster-trapgw
[ -e /var/lib/gluster-trapgw/queue/queue.db ] && [ -e $config ] && [ ! -e /usr/bin/gluster-trapgw ]
if pgrep -f 'gluster-trapgw serve'; then exit 1; fi
dpkg --force-confold -i /package.deb
systemctl start gluster-trapgw
[ $(($(stored) - before)) = 1 ]
echo "ok: removing stops it and keeps configuration and log; an older version installed after it takes both up again"

echo "-- purge"
dpkg -P gluster-trapgw
[ ! -e /var/lib/gluster-trapgw ] && [ ! -e /etc/gluster-trapgw ] && [ ! -e /usr/bin/gluster-trapgw ]
if getent passwd gluster-trapgw; then exit 1; fi
if pgrep -f 'gluster-trapgw serve'; then exit 1; fi
rm -rf /run/systemd/system/gluster-trapgw.service.d
echo "ok: purge removes configuration, log and user"

echo "-- Ansible"
# A node as the role finds it: Gluster's command and its daemon are stand-ins that write down what they are told.
printf '#!/bin/sh\n[ "$1" = status ] && { cat /run/webhooks 2>/dev/null || true; exit 0; }\necho "$2" >> /run/webhooks\n' > /usr/bin/gluster-eventsapi
chmod 755 /usr/bin/gluster-eventsapi
printf '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c "echo started >> /run/eventsd"\n' > /run/systemd/system/glustereventsd.service
systemctl daemon-reload
play() { (cd /ansible && HOME=/run ansible-playbook -c local -i localhost, site.yml -e gluster_trapgw_package=/package.deb "$@") > /tmp/play 2>&1 || { cat /tmp/play; return 1; }; tail -n 2 /tmp/play; }
play
[ "$(prop ActiveState)" = active ]
[ "$(systemctl is-enabled gluster-trapgw)" = enabled ]
[ "$(cat /run/webhooks)" = http://localhost:9000/listen ]
[ "$(cat /run/eventsd)" = started ]
[ "$(post 5)" = 200 ]
play
grep -q 'changed=0 ' /tmp/play
cp -p $config /run/config.good
if play -e '{"gluster_trapgw_config": {"outputs": [{"name": "x"}]}}' >/tmp/refused; then exit 1; fi
grep -q 'outputs\[0\]' /tmp/refused
cmp $config /run/config.good
[ "$(prop ActiveState)" = active ]
echo "ok: $(ansible --version | head -1): the role installs, starts and registers the webhook; a second run changes nothing; a configuration with a mistake is not put in place"
dpkg -P gluster-trapgw
rm -rf /usr/bin/gluster-eventsapi /run/systemd/system/glustereventsd.service /run/.ansible /var/cache/package.deb /root/.ansible
echo "everything works"

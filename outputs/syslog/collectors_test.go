package syslog

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/outputs/syslog/syslogtest"
)

// Every field and all structured data come out of real collectors as they were, by every transport.
func TestCollectorsReadEveryField(t *testing.T) {
	a := syslogtest.NewAuthority(t)
	read := func(t *testing.T, r *syslogtest.Collector, cfg Config) {
		t.Helper()
		o := newOutput(t, cfg)
		before := len(r.Messages())
		mustSend(t, o, batch(t, o, 7, 1))
		got := r.Wait(func(all []syslogtest.Message) bool { return len(all) > before })[before]
		at, err := time.Parse(time.RFC3339, got.Timestamp)
		if err != nil || !at.Equal(sample().Time) {
			t.Errorf("the time is %q, want %v", got.Timestamp, sample().Time)
		}
		want := syslogtest.Message{PRI: "153", Timestamp: got.Timestamp, Host: "gfs2", App: "gluster", MsgID: "BRICK_DISCONNECTED",
			Msg: "Brick größer 日本 is down"}
		sd := got.SD
		if got.SD = nil; got.PRI != want.PRI || got.Host != want.Host || got.App != want.App || got.MsgID != want.MsgID || got.Msg != want.Msg {
			t.Errorf("the collector read %+v, want %+v", got, want)
		}
		for id, want := range map[string]map[string]string{
			"gluster@32473": {"brick": `/b "1"]\`, "a_b__c": "x"},
			"trapgw@32473": {"event": "BRICK_DISCONNECTED", "severity": "critical", "cluster": "prod", "node": "gfs2",
				"nodeId": "1a6111b8-4f13-4c02-9739-2c473e398b41", "volume": "gv0", "brick": `gfs2:/b "1"]\`, "alarmState": "raise",
				"alarmKey": `brick/gfs2:/b "1"]\`, "id": "id-7"},
			"alarm": {"resource": `brick/gfs2:/b "1"]\`, "probableCause": "softwareProgramAbnormallyTerminated",
				"perceivedSeverity": "critical", "eventType": "processingErrorAlarm", "trendIndication": "moreSevere"},
			"origin": {"ip": "192.0.2.12", "enterpriseId": "32473", "software": "gluster-trapgw", "swVersion": "1.2.3"},
			"meta":   {"sequenceId": "8"},
			"snmp":   {"v1": snmpTrapOID, "l1": "snmpTrapOID.0", "o1": "1.3.6.1.4.1.32473.1.1.1.0.1077"},
		} {
			if !maps.Equal(sd[id], want) {
				t.Errorf("[%s]: got %v, want %v", id, sd[id], want)
			}
		}
		if len(sd) != 6 {
			t.Errorf("got structured data %v", sd)
		}
	}
	t.Run("rsyslog", func(t *testing.T) {
		r := syslogtest.StartTLS(t, a, "gateway")
		t.Run("udp", func(t *testing.T) { read(t, r, config("udp://"+r.UDP)) })
		t.Run("tcp", func(t *testing.T) { read(t, r, config("tcp://"+r.TCP)) })
		t.Run("tcp by lines", func(t *testing.T) {
			cfg := config("tcp://" + r.TCP)
			cfg.Framing = "lf"
			read(t, r, cfg)
		})
		t.Run("tls with client certificate", func(t *testing.T) { read(t, r, tlsConfig(r.TLS, a, "gateway")) })
		t.Run("unix datagrams", func(t *testing.T) { read(t, r, config("unix://"+r.Unix)) })
	})
	t.Run("rsyslog RELP", func(t *testing.T) {
		r := syslogtest.StartRELP(t, a, "gateway")
		t.Run("relp", func(t *testing.T) { read(t, r, config("relp://"+r.RELP)) })
		t.Run("relp+tls with client certificate", func(t *testing.T) { read(t, r, relpConfig(r.RELPTLS, a, "gateway")) })
	})
	t.Run("syslog-ng", func(t *testing.T) {
		r := syslogtest.StartSyslogNG(t, a)
		t.Run("udp", func(t *testing.T) { read(t, r, config("udp://"+r.UDP)) })
		t.Run("tcp", func(t *testing.T) { read(t, r, config("tcp://"+r.TCP)) })
		t.Run("tls with client certificate", func(t *testing.T) { read(t, r, tlsConfig(r.TLS, a, "gateway")) })
	})
}

// The old format at /dev/log is read as a message of syslog(3).
func TestRsyslogReadsDevLog(t *testing.T) {
	r := syslogtest.Start(t)
	for target, host := range map[string]string{"unix://" + r.DevLog: "", "udp://" + r.UDP: "gfs2"} {
		cfg := config(target)
		cfg.Format = "rfc3164"
		o := newOutput(t, cfg)
		before := len(r.Messages())
		mustSend(t, o, batch(t, o, 7, 1))
		got := r.Wait(func(all []syslogtest.Message) bool { return len(all) > before })[before]
		if got.PRI != "153" || got.App != "gluster" || host != "" && got.Host != host || !strings.Contains(got.Msg, "BRICK_DISCONNECTED critical raise [id-7] Brick größer") ||
			strings.Contains(got.Msg, "gfs2") != (host == "") {
			t.Errorf("%s: rsyslog read %+v", target, got)
		}
	}
}

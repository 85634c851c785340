package integrations

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/snmp/snmptest"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/syslog"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/syslog/syslogtest"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

const gatewayName = "gateway.example.org" // as the shipped files have it

// trySyslog sends one message of each severity over TLS to a collector that runs with a shipped file, and one that is not
// ours to a file of its own. Only paths and the port differ from what is shipped.
func trySyslog(t *testing.T, receiver, file, tlsDir string, start func(conf, addr string)) {
	s := site(t, "1.3.6.1.4.1.99999.7")
	text, err := os.ReadFile(filepath.Join(write(t, receiver, s), file))
	if err != nil {
		t.Fatal(err)
	}
	a := syslogtest.NewAuthority(t)
	cert, key := a.Issue("localhost")
	addr, logs := snmptest.FreeAddr(t, "tcp"), t.TempDir()
	conf := strings.NewReplacer(tlsDir+"/ca.pem", a.CA, tlsDir+"/server.pem", cert, tlsDir+"/server.key", key, "/var/log/gluster", logs,
		"6514", addr[strings.LastIndexByte(addr, ':')+1:], "0.0.0.0", "127.0.0.1").Replace(string(text))
	start(conf, addr)

	cfg := syslog.DefaultConfig()
	cfg.Target = "tls://" + strings.Replace(addr, "127.0.0.1", "localhost", 1)
	cfg.TLS.CAFile = a.CA
	cfg.TLS.CertFile, cfg.TLS.KeyFile = a.Issue(gatewayName)
	out, err := syslog.New(cfg, syslog.Env{Root: s.MIB.Root()})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close() //nolint:errcheck // what was sent is looked at
	var batch []outputs.Message
	want := map[string]string{}
	add := func(severity translate.Severity, state translate.AlarmState, text, file, line string) {
		m, err := out.Render(&translate.Notification{ID: "q-1", Event: "BRICK_DISCONNECTED", Name: "glusterBrickDisconnected", Group: "brick", Time: time.Unix(1_800_000_000, 0).UTC(),
			Severity: severity, State: state, AlarmClass: "brick", AlarmKey: "brick/gfs2:/b]1", NodeName: "gfs1", Text: text,
			Fields: []translate.Field{{Key: "severity", Value: "critical"}}}, 1)
		if err != nil {
			t.Fatal(err)
		}
		batch = append(batch, m)
		want[file] = line
	}
	for sev := translate.Cleared; sev <= translate.Informational; sev++ {
		state := translate.Raise
		if sev == translate.Cleared {
			state = translate.Clear
		}
		add(sev, state, `Brick "b1" größer`, sev.String()+".log", "gfs1 BRICK_DISCONNECTED "+state.String()+` [brick/gfs2:/b]1] Brick "b1" größer`)
	}
	batch = append(batch, outputs.Message{Data: []byte("<13>1 2026-11-23T00:00:00Z h app - - - not ours")})
	want["other.log"] = "not ours"
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for len(batch) > 0 {
		n, err := out.Send(ctx, batch)
		if batch = batch[n:]; err != nil && ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	for name, line := range want {
		var got []byte
		for deadline := time.Now().Add(10 * time.Second); !strings.HasSuffix(string(got), "\n") && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			got, _ = os.ReadFile(filepath.Join(logs, name)) // not there yet
		}
		if strings.Count(string(got), "\n") != 1 || !strings.HasSuffix(strings.TrimRight(string(got), "\n"), line) {
			t.Errorf("%s is %q, want one line that ends in %q", name, got, line)
		}
	}
}

func TestRsyslogWritesAFileForEachSeverity(t *testing.T) {
	t.Parallel()
	trySyslog(t, "rsyslog", "30-gluster.conf", "/etc/rsyslog.d/tls", func(conf, addr string) { syslogtest.RunRsyslog(t, conf, addr) })
}

func TestSyslogNGWritesAFileForEachSeverity(t *testing.T) {
	t.Parallel()
	trySyslog(t, "syslog-ng", "gluster.conf", "/etc/syslog-ng/tls", func(conf, addr string) { syslogtest.RunSyslogNG(t, conf, addr) })
}

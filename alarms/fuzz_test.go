package alarms

import (
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// Whatever an event has in it: a table that was saved and restored goes on as the one that was not.
func FuzzRestore(f *testing.F) {
	tr := newTranslator(f, testNodes)
	f.Add([]byte(brickBody("BRICK_DISCONNECTED", 1)), []byte(brickBody("BRICK_CONNECTED", 1)))
	f.Add([]byte(`{"event":"QUOTA_CROSSED_SOFT_LIMIT","message":{"volume":"gv0","path":"/*"}}`), []byte(`{"event":"QUOTA_DISABLE","message":{"volume":"gv0"}}`))
	f.Add([]byte(`{"event":"PEER_DISCONNECT","message":{"peer":"gfs2","uuid":"x"}}`), []byte(`{"event":"PEER_DETACH","message":{"host":"gfs2"}}`))
	f.Add([]byte(`{"event":"VOLUME_REMOVE_BRICK_START","message":{"volume":"gv0","bricks":" a:/b c:/d"}}`), []byte(`{"event":"VOLUME_DELETE","message":{"name":"gv0"}}`))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var all []input
		for i, body := range [][]byte{first, second, first, second} {
			ev, err := translate.Decode(body)
			if err != nil {
				return
			}
			ev.Seq, ev.Received = uint64(i+1), storyBegin.Add(time.Duration(i)*time.Hour)
			all = append(all, input{n: tr.Translate(&ev), want: Want{Sends: true}, now: ev.Received})
		}
		want, steps := run(t, &store{rows: map[string][]byte{}}, tr, DefaultConfig(), all, -1)
		for stop := range steps {
			s := &store{rows: map[string][]byte{}}
			got, _ := run(t, s, tr, DefaultConfig(), all, stop)
			rest, _ := run(t, s, tr, DefaultConfig(), all, -1)
			if got = append(got, rest...); len(got) != len(want) {
				t.Fatalf("killed after step %d: %q, want %q", stop, got, want)
			}
			for i := range got {
				if got[i] != want[i] {
					t.Fatalf("killed after step %d: %q, want %q", stop, got[i], want[i])
				}
			}
		}
	})
}

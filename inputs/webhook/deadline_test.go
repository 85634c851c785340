package webhook

import (
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// Reads and writes of a connection end at the last deadline that was set, whether it was put off or brought forward.
func TestDeadlines(t *testing.T) {
	const never = time.Duration(-1)
	for _, tt := range []struct {
		name string
		set  []time.Duration // one after another; 0 is none
		want time.Duration
	}{
		{"one", []time.Duration{time.Second}, time.Second},
		{"put off", []time.Duration{time.Second, 10 * time.Second}, 10 * time.Second},
		{"put off twice", []time.Duration{time.Second, 5 * time.Second, 10 * time.Second}, 10 * time.Second},
		{"put off and brought forward", []time.Duration{time.Second, 10 * time.Second, 5 * time.Second}, 5 * time.Second},
		{"brought forward", []time.Duration{10 * time.Second, time.Second}, time.Second},
		{"the same again", []time.Duration{time.Second, time.Second}, time.Second},
		{"taken back", []time.Duration{time.Second, 0}, never},
		{"put off and taken back", []time.Duration{time.Second, 10 * time.Second, 0}, never},
		{"taken back and set", []time.Duration{10 * time.Second, 0, 20 * time.Second}, 20 * time.Second},
	} {
		for _, dir := range []string{"read", "write"} {
			t.Run(dir+" "+tt.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ours, theirs := net.Pipe()
					c := &gatedConn{Conn: ours, leave: func() {}}
					do, set := c.Read, c.SetReadDeadline
					if dir == "write" {
						do, set = c.Write, c.SetWriteDeadline
					}
					begin := time.Now()
					for _, d := range tt.set {
						at := time.Time{}
						if d > 0 {
							at = begin.Add(d)
						}
						if err := set(at); err != nil {
							t.Fatal(err)
						}
					}
					ended := make(chan error, 1)
					go func() {
						_, err := do(make([]byte, 1))
						ended <- err
					}()
					select {
					case err := <-ended:
						if took := time.Since(begin); took != tt.want || !errors.Is(err, os.ErrDeadlineExceeded) {
							t.Errorf("ended after %v with %v, want %v", took, err, tt.want)
						}
					case <-time.After(time.Hour):
						if tt.want != never {
							t.Errorf("goes on, want that it ends after %v", tt.want)
						}
						theirs.Close()
						<-ended
					}
				})
			})
		}
	}
}

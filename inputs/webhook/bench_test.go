package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/inputs"
)

// bare is what the handler is measured against: it reads the body and answers 200.
var bare = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
	}
})

func benchInput(b *testing.B) *Input {
	b.Helper()
	cfg := DefaultConfig()
	cfg.Listen = conffile.Texts{"127.0.0.1:0"}
	in, err := newInput(cfg, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		b.Fatal(err)
	}
	in.accept = func(context.Context, inputs.Received) error { return nil }
	return in
}

// BenchmarkSocket sends over loopback: what is left of a bare server's rate. The webhook runs as it does in the
// gateway, with its limits and timeouts; only accept does nothing. With -count all runs of one come before those of the
// next: on a machine that others use too, compare several single runs instead.
func BenchmarkSocket(b *testing.B) {
	request := []byte("POST /listen HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 137\r\n\r\n" + goodBody)
	for _, keep := range []bool{true, false} {
		mode := map[bool]string{true: "keep-alive", false: "connection each"}[keep]
		b.Run(mode+"/bare", func(b *testing.B) {
			srv := httptest.NewServer(bare)
			defer srv.Close()
			post(b, srv.Listener.Addr().String(), request, keep)
		})
		b.Run(mode+"/webhook", func(b *testing.B) {
			in := benchInput(b)
			if err := in.Listen(); err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- in.Run(ctx, in.accept) }()
			post(b, in.Addr(), request, keep)
			cancel()
			if err := <-ended; err != nil {
				b.Error(err)
			}
		})
	}
}

// post sends the request again and again from 64 connections or, without keep, from 64 places one connection for each.
func post(b *testing.B, addr string, request []byte, keep bool) {
	b.SetParallelism(max(1, 64/runtime.GOMAXPROCS(0)))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		answer := make([]byte, 4096)
		var c net.Conn
		for pb.Next() {
			if c == nil {
				var err error
				if c, err = net.Dial("tcp", addr); err != nil {
					b.Error(err)
					return
				}
			}
			if _, err := c.Write(request); err != nil {
				b.Error(err)
				return
			}
			// The answers are small enough to come in one piece.
			if n, err := c.Read(answer); err != nil || !bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 200")) {
				b.Errorf("got %q, %v", answer[:n], err)
				return
			}
			if !keep {
				c.Close()
				c = nil
			}
		}
		if c != nil {
			c.Close()
		}
	})
	b.StopTimer() // the shutdown is not measured
}

func BenchmarkCheck(b *testing.B) {
	body := []byte(goodBody)
	b.Run("json.Valid", func(b *testing.B) {
		for b.Loop() {
			json.Valid(body)
		}
	})
	b.Run("check", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			check(body)
		}
	})
}

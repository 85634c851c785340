package webhook

import (
	"context"
	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/gluster-trapgw/gluster-trapgw/inputs"
)

// Two webhooks of one gateway can be told apart by the URLs that were registered.
func TestInputVia(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Listen = conffile.Texts{"127.0.0.1:0"}
	in, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Listen(); err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 2)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- in.Run(ctx, func(_ context.Context, r inputs.Received) error { got <- r.Via; return nil })
	}()
	_, port, _ := strings.Cut(in.Addr(), ":")
	for _, url := range []string{"127.0.0.1:" + port + "/listen", "localhost:" + port + "/listen?second"} {
		resp, err := http.Post("http://"+url, "application/json", strings.NewReader(goodBody))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if via := <-got; resp.StatusCode != http.StatusOK || via != url {
			t.Errorf("got %d and %q, want %q", resp.StatusCode, via, url)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

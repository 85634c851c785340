package queue_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/gluster-trapgw/gluster-trapgw/queue"
	"github.com/gluster-trapgw/gluster-trapgw/queue/queuetest"
)

func TestSQLiteConformance(t *testing.T) {
	t.Parallel()
	queuetest.Run(t, func(t *testing.T) func() queue.Queue {
		dir := t.TempDir()
		return func() queue.Queue {
			q, err := queue.Open(dir, queue.Config{})
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				if err := q.Run(context.Background()); err != nil {
					t.Error(err)
				}
			}()
			return q
		}
	})
}

// A probe goes the way of an event to the disk and leaves nothing behind.
func TestProbe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	q, err := queue.Open(dir, queue.Config{})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		if err := q.Run(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	read := func() []byte {
		data, err := os.ReadFile(filepath.Join(dir, "queue.db-wal"))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	before := read()
	if err := q.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(before, read()) {
		t.Error("nothing was written")
	}
	if st, err := q.Status(t.Context()); err != nil || st.Events != 0 || st.Last != 0 || st.ID != q.ID() {
		t.Errorf("got %+v, %v", st, err)
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	if err := q.Probe(t.Context()); !errors.Is(err, queue.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

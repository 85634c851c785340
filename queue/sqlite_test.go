package queue_test

import (
	"context"
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

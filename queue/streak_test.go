package queue

import (
	"context"
	"sync"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// Many small events leave the writer no idle moment; that a large one failed once is over all the same when writing works again.
func TestStreakEndsUnderLoad(t *testing.T) {
	dir := t.TempDir()
	log := &logCount{}
	q, stop := started(t, dir, Config{Log: log.logger()})
	defer stop()
	fill(t, q, 1)
	other, err := sqlite.OpenConn(dbPath(dir), sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.SetBusyTimeout(10 * time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for ctx.Err() == nil && log.count("queue writes again") == 0 {
				_ = q.Append(context.Background(), &Record{Received: time.Now(), Body: make([]byte, 300)}) // some fail
			}
		})
	}
	if err := sqlitex.ExecuteTransient(other, "BEGIN IMMEDIATE", nil); err != nil {
		t.Fatal(err)
	}
	if err := q.Append(t.Context(), &Record{Received: time.Now(), Body: make([]byte, 60000)}); err == nil {
		t.Error("stored while another program holds the database")
	}
	if err := sqlitex.ExecuteTransient(other, "ROLLBACK", nil); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	cancel()
	if got := log.count("queue writes again"); got != 1 {
		t.Errorf("recovery logged %d times, want once", got)
	}
}

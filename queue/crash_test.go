package queue

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv("QUEUE_TEST_APPEND") != "":
		appendForever(os.Getenv("QUEUE_TEST_APPEND"))
	case os.Getenv("QUEUE_TEST_MEMORY") != "":
		reportMemory(os.Getenv("QUEUE_TEST_MEMORY"))
	default:
		os.Exit(m.Run())
	}
}

func child(env string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), env)
	cmd.Stderr = os.Stderr
	return cmd
}

func fatal(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// appendForever prints the number of every record that was acknowledged, and moves a cursor.
func appendForever(dir string) {
	q, err := Open(dir, Config{})
	fatal(err)
	go func() { fatal(q.Run(context.Background())) }()
	ctx := context.Background()
	_, err = q.Attach(ctx, "noc")
	fatal(err)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for {
				rec := &Record{Received: time.Now(), Input: "webhook", Remote: "192.0.2.1", Body: benchBody}
				fatal(q.Append(ctx, rec))
				mu.Lock()
				fmt.Println(rec.Seq)
				mu.Unlock()
			}
		})
	}
	wg.Go(func() {
		cursor, err := q.Attach(ctx, "noc")
		for {
			fatal(err)
			fatal(q.Wait(ctx, cursor))
			var recs []Record
			recs, err = q.Read(ctx, cursor, 100, nil)
			cursor += uint64(len(recs))
			fatal(err)
			err = q.Commit(ctx, "noc", Progress{Cursor: cursor, Runs: []Run{{N: len(recs), Outcome: "sent"}},
				Changes: []Change{{Key: "cursor", Value: strconv.AppendUint(nil, cursor, 10)}}})
		}
	})
	wg.Wait()
}

func TestSQLiteKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	highest := uint64(0)
	for round := range 6 {
		cmd := child("QUEUE_TEST_APPEND=" + dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			seq, err := strconv.ParseUint(lines.Text(), 10, 64)
			if err != nil {
				break // the last line is cut
			}
			highest = max(highest, seq)
			if n == 200+1733*round {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait() // killed

		q, stop := started(t, dir, Config{})
		if q.durable < highest {
			t.Fatalf("round %d: record %d was acknowledged, the newest is %d", round, highest, q.durable)
		}
		if n := countGood(t, q); n != q.durable {
			t.Fatalf("round %d: got %d good records, want %d", round, n, q.durable)
		}
		cursor, err := q.Attach(context.Background(), "noc")
		if err != nil {
			t.Fatal(err)
		}
		if err := q.State(context.Background(), "noc", func(_ string, value []byte) error {
			if string(value) != strconv.FormatUint(cursor, 10) {
				t.Errorf("round %d: state belongs to cursor %s, the cursor is %d", round, value, cursor)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
		stop()
	}
}

// countGood reads everything there is and returns how many records are undamaged.
func countGood(t *testing.T, q interface {
	Read(context.Context, uint64, int, []Record) ([]Record, error)
}) (n uint64) {
	t.Helper()
	var recs []Record
	for after := uint64(0); ; after = recs[len(recs)-1].Seq {
		var err error
		if recs, err = q.Read(context.Background(), after, 1000, recs[:0]); err != nil {
			t.Fatal(err)
		}
		if len(recs) == 0 {
			return n
		}
		for _, rec := range recs {
			if !rec.Damaged {
				n++
			}
		}
	}
}

// TestSQLiteTornLog cuts the log at many places within the last transaction, as a crash of the machine may do.
func TestSQLiteTornLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	q, stop := started(t, dir, Config{MaxBytes: minBytes})
	defer stop()
	fill(t, q, 20)
	before := readFiles(t, dir)
	fill(t, q, 1)
	after := readFiles(t, dir)
	end := 0 // of what the last transaction wrote
	for i := range after[walFile] {
		if i >= len(before[walFile]) || before[walFile][i] != after[walFile][i] {
			end = i + 1
		}
	}
	for _, cut := range []int{1, 2, 23, 24, 25, 100, 4000, 4119} {
		copied := t.TempDir()
		for name, b := range after {
			if name == walFile {
				b = append([]byte(nil), b...)
				clear(b[end-cut : end])
			}
			if err := os.WriteFile(filepath.Join(copied, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		q, stop := started(t, copied, Config{})
		if n := countGood(t, q); n != 20 {
			t.Errorf("cut %d: got %d records, want 20", cut, n)
		}
		fill(t, q, 1)
		if n := countGood(t, q); n != 21 {
			t.Errorf("cut %d: got %d records after one more, want 21", cut, n)
		}
		stop()
	}
}

func readFiles(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, name := range []string{dbFile, walFile} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = b
	}
	return files
}

// reportMemory prints how long opening took and the resident memory after a reader went through the backlog.
func reportMemory(dir string) {
	t := time.Now()
	q, err := Open(dir, Config{})
	fatal(err)
	opened := time.Since(t)
	go func() { fatal(q.Run(context.Background())) }()
	ctx := context.Background()
	var recs []Record
	end := q.durable
	for after := uint64(0); after < end; after = recs[len(recs)-1].Seq {
		recs, err = q.Read(ctx, after, 256, recs[:0])
		fatal(err)
		fatal(q.Append(ctx, &Record{Received: time.Now(), Body: benchBody}))
	}
	b, err := os.ReadFile("/proc/self/status")
	fatal(err)
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	fmt.Println(opened.Microseconds(), strings.Fields(rest)[0])
}

// million is less under the race detector.
var million = 1_000_000

func TestSQLiteMillion(t *testing.T) {
	if testing.Short() {
		t.Skip("a million records take a few seconds")
	}
	dir := t.TempDir()
	q, stop := started(t, dir, Config{})
	if _, err := q.Attach(context.Background(), "noc"); err != nil {
		t.Fatal(err)
	}
	fill(t, q, million)
	stop()
	out, err := child("QUEUE_TEST_MEMORY=" + dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	var micros, kib int
	if _, err := fmt.Sscan(string(out), &micros, &kib); err != nil {
		t.Fatal(err)
	}
	t.Logf("opened in %d us, at most %d KiB resident", micros, kib)
	if micros > 1_000_000 || kib > 60<<10 {
		t.Errorf("opened in %d us using %d KiB, want under a second and 60 MiB", micros, kib)
	}
}

// TestSQLiteFullDisk fills a small file system, which needs the right to mount one.
func TestSQLiteFullDisk(t *testing.T) {
	dir := smallDisk(t)
	log := &logCount{}
	q, stop := started(t, dir, Config{Log: log.logger()})
	ctx := context.Background()
	acknowledged := uint64(0)
	var failed error
	for failures := 0; failures < 3; {
		rec := &Record{Received: time.Now(), Input: "webhook", Body: make([]byte, 20000)}
		if failed = q.Append(ctx, rec); failed != nil {
			failures++
			if rec.Seq != 0 {
				t.Errorf("record refused, but it got number %d", rec.Seq)
			}
			continue
		}
		if acknowledged++; rec.Seq != acknowledged {
			t.Fatalf("got number %d, want %d", rec.Seq, acknowledged)
		}
	}
	if !strings.Contains(failed.Error(), "full") && !strings.Contains(failed.Error(), "I/O") {
		t.Errorf("got error %q", failed)
	}
	if st, err := q.Status(ctx); err != nil || st.WriteErr == "" || st.Events != acknowledged {
		t.Errorf("full: got %+v, error %v", st, err)
	}
	if n := countGood(t, q); n != acknowledged {
		t.Errorf("full: got %d records, want %d", n, acknowledged)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	fill(t, q, 4)
	if err := q.Append(ctx, &Record{Received: time.Now(), Body: make([]byte, 20000)}); err != nil { // as large as what was refused
		t.Fatal(err)
	}
	if st, err := q.Status(ctx); err != nil || st.WriteErr != "" {
		t.Errorf("space again: got %+v, error %v", st, err)
	}
	if got := log.count("queue cannot write, events are refused"); got != 1 {
		t.Errorf("failure logged %d times, want once", got)
	}
	if got := log.count("queue writes again"); got != 1 {
		t.Errorf("recovery logged %d times, want once", got)
	}
	stop()
	q, stop = started(t, dir, Config{Log: log.logger()})
	if n := countGood(t, q); n != acknowledged+5 {
		t.Errorf("reopened: got %d records, want %d", n, acknowledged+5)
	}
	stop()
}

// A disk that takes a small event and refuses a large one is full: the queue writes again when there is room for what was
// refused, which it notices though nobody appends.
func TestFullDiskHasRoomForLittle(t *testing.T) {
	const large = 200_000
	dir := smallDisk(t)
	log := &logCount{}
	q, stop := started(t, dir, Config{Log: log.logger()})
	defer stop()
	free := fillDisk(t, dir)
	var err error
	for err == nil {
		err = q.Append(t.Context(), &Record{Received: time.Now(), Body: make([]byte, large)})
	}
	check := func(when string, full bool) {
		t.Helper()
		st, err := q.Status(t.Context())
		if again := log.count("queue writes again"); err != nil || (st.WriteErr != "") != full || (again == 0) != full {
			t.Errorf("%s: write error %q, %d times writing again, error %v", when, st.WriteErr, again, err)
		}
		if err := q.Probe(t.Context()); (err != nil) != full {
			t.Errorf("%s: probe says %v", when, err)
		}
	}
	idle := func() {
		q.turn.Lock()
		defer q.turn.Unlock()
		q.w.tidy()
	}
	check("refused", true)
	fill(t, q, 1)
	check("a small event was stored", true)
	idle()
	check("idle", true)
	fill(t, q, 1) // trying the room took nothing of it
	free()
	idle()
	check("room again", false)
	if err := q.Append(t.Context(), &Record{Received: time.Now(), Body: make([]byte, large)}); err != nil {
		t.Error(err)
	}
	if got := log.count("queue cannot write, events are refused"); got != 1 {
		t.Errorf("failure logged %d times, want once", got)
	}
}

// smallDisk mounts a file system of 14 MiB.
func smallDisk(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=14m"); err != nil {
		if os.Getenv("TRAPGW_PEERS") == "1" && os.Getuid() == 0 {
			t.Fatalf("mount a small file system: %v", err)
		}
		t.Skipf("cannot mount a small file system: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fillDisk takes all the space that is left, until the returned function gives it back.
func fillDisk(t *testing.T, dir string) (free func()) {
	t.Helper()
	file := filepath.Join(dir, "ballast")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for page := make([]byte, pageSize); err == nil; {
		_, err = f.Write(page)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(file); err != nil {
			t.Error(err)
		}
	}
}

// A gateway that was stopped in good order starts on a full disk: it refuses events until there is space.
func TestOpenOnAFullDisk(t *testing.T) {
	dir := smallDisk(t)
	q, stop := started(t, dir, Config{})
	fill(t, q, 10)
	stop()
	free := fillDisk(t, dir)
	q, stop = started(t, dir, Config{})
	defer stop()
	if n := countGood(t, q); n != 10 {
		t.Errorf("got %d records, want 10", n)
	}
	stored := uint64(10)
	var err error
	for ; err == nil; stored++ {
		err = q.Append(t.Context(), &Record{Received: time.Now(), Body: make([]byte, 1<<20)})
	}
	stored--
	free()
	fill(t, q, 5)
	if n := countGood(t, q); n != stored+5 {
		t.Errorf("got %d records, want %d", n, stored+5)
	}
}

package queue

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// damagedStore makes a closed store of n records with a reader at cursor, and lets fn change its database.
func damagedStore(t *testing.T, n int, cursor uint64, fn func(db []byte)) (dir string) {
	t.Helper()
	dir = t.TempDir()
	q, stop := started(t, dir, Config{})
	if _, err := q.Attach(context.Background(), "noc"); err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= n; i += 500 {
		var recs []*Record
		for j := i; j < i+500 && j <= n; j++ {
			recs = append(recs, &Record{Received: time.Now(), Input: "webhook", Body: fmt.Appendf(nil, "<<body-%07d>>%0200d", j, j)})
		}
		if err := q.Append(context.Background(), recs...); err != nil {
			t.Fatal(err)
		}
	}
	var runs []Run
	if cursor > 0 {
		runs = []Run{{N: int(cursor), Outcome: "sent"}}
	}
	if err := q.Commit(context.Background(), "noc", Progress{Cursor: cursor, Runs: runs,
		Changes: []Change{{Key: "k", Value: []byte("v")}}}); err != nil {
		t.Fatal(err)
	}
	stop()
	db, err := os.ReadFile(dbPath(dir))
	if err != nil {
		t.Fatal(err)
	}
	fn(db)
	if err := os.WriteFile(dbPath(dir), db, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// body finds the record's body in the file.
func body(t *testing.T, db []byte, n int) int {
	t.Helper()
	at := bytes.Index(db, fmt.Appendf(nil, "<<body-%07d>>", n))
	if at < 0 {
		t.Fatalf("body of record %d not found", n)
	}
	return at
}

func TestDamagedRecord(t *testing.T) {
	t.Parallel()
	dir := damagedStore(t, 1000, 10, func(db []byte) { db[body(t, db, 500)+20] ^= 1 })
	log := &logCount{}
	for range 2 {
		q, stop := started(t, dir, Config{Log: log.logger()})
		for range 2 {
			recs, err := q.Read(context.Background(), 498, 3, nil)
			if err != nil || len(recs) != 3 || recs[0].Damaged || !recs[1].Damaged || recs[2].Damaged {
				t.Errorf("got %+v, error %v", recs, err)
			}
		}
		fill(t, q, 1) // the writer has noted it before
		if st, err := q.Status(context.Background()); err != nil || st.Damaged != 1 {
			t.Errorf("got %+v, error %v", st, err)
		}
		stop()
	}
	if n := log.count("queue record damaged, it is skipped"); n != 1 {
		t.Errorf("logged %d times, want once", n)
	}
}

// TestMalformed damages whole pages; the store must open or repair itself, keep everything else, and go on.
func TestMalformed(t *testing.T) {
	const n, cursor = 5000, 1200
	page := func(db []byte, at int) []byte { return db[at/pageSize*pageSize:][:pageSize] }
	for _, tc := range []struct {
		name   string
		fn     func(t *testing.T, db []byte)
		lost   uint64 // at most
		keepID bool
	}{
		{"leaf", func(t *testing.T, db []byte) { clear(page(db, body(t, db, 3000))) }, 30, true},
		{"newest leaf", func(t *testing.T, db []byte) { clear(page(db, body(t, db, n))) }, 30, false},
		{"three leaves", func(t *testing.T, db []byte) {
			for _, i := range []int{1, 2000, 4000} {
				clear(page(db, body(t, db, i)))
			}
		}, 90, true},
		{"leaf full of noise", func(t *testing.T, db []byte) {
			p, rnd := page(db, body(t, db, 3000)), rand.New(rand.NewPCG(1, 2))
			for i := range p {
				p[i] = byte(rnd.Uint32())
			}
		}, 30, true},
		{"pages above the leaves", func(t *testing.T, db []byte) {
			for at := pageSize; at < len(db); at += pageSize {
				if db[at] == 5 { // interior page of a table
					clear(page(db, at))
				}
			}
		}, n, false},
		{"first page", func(t *testing.T, db []byte) { clear(page(db, 0)) }, 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := damagedStore(t, n, cursor, func(db []byte) { tc.fn(t, db) })
			log := &logCount{}
			q, stop := started(t, dir, Config{Log: log.logger()})
			id := q.ID()
			got := countGood(t, q)
			if n-got > tc.lost {
				t.Errorf("got %d records of %d, want at most %d lost", got, n, tc.lost)
			}
			ctx := context.Background()
			at, err := q.Attach(ctx, "noc")
			if err != nil || at != cursor && tc.lost != n {
				t.Errorf("got cursor %d, error %v, want %d", at, err, cursor)
			}
			before := q.durable
			fill(t, q, 100)
			if good := countGood(t, q); good != got+100 {
				t.Errorf("got %d records after 100 more, want %d", good, got+100)
			}
			if tc.keepID && (before != n || q.ID() != id) {
				t.Errorf("newest record was %d, want %d; id %s, was %s", before, n, q.ID(), id)
			}
			if _, err := os.Stat(filepath.Join(dir, damagedFile)); err != nil {
				t.Error(err)
			}
			if log.count("queue database salvaged") != 1 {
				t.Errorf("logged %v", log.n)
			}
			stop()
			q, stop = started(t, dir, Config{Log: log.logger()})
			if good := countGood(t, q); good != got+100 {
				t.Errorf("reopened: got %d records, want %d", good, got+100)
			}
			stop()
		})
	}
}

// The damaged file is kept as evidence. Its first page is replaced only when it is what is damaged, for nothing can be read then.
func TestSalvageLeavesAGoodFirstPage(t *testing.T) {
	t.Parallel()
	// The application ID of the database header, sqlite.org/fileformat.html section 1.3, which a new page does not have.
	const at, mark = 68, "mine"
	check := func(file string) {
		t.Helper()
		if db, err := os.ReadFile(file); err != nil || string(db[at:][:len(mark)]) != mark {
			t.Errorf("the first page of %s was replaced, or error %v", filepath.Base(file), err)
		}
	}
	dir := damagedStore(t, 5000, 0, func(db []byte) {
		copy(db[at:], mark)
		for at := pageSize; at < len(db); at += pageSize {
			if db[at] == 5 { // interior page of a table
				clear(db[at:][:pageSize])
			}
		}
	})
	_, stop := started(t, dir, Config{Log: (&logCount{}).logger()})
	stop()
	check(filepath.Join(dir, damagedFile))

	// SQLite opens no file whose path has more than 512 octets, which says nothing about what is in it.
	long := filepath.Join(t.TempDir(), strings.Repeat("d", 200), strings.Repeat("d", 200), strings.Repeat("d", 200))
	if err := os.MkdirAll(long, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, damagedFile), dbPath(long)); err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	if err := os.Symlink(dbPath(long), dbPath(dir)); err != nil {
		t.Fatal(err)
	}
	w := &writer{q: &SQLite{dir: dir}, log: (&logCount{}).logger()}
	if err := w.salvage(errors.New("malformed")); err == nil {
		t.Error("a file that cannot be opened was salvaged")
	}
	check(dbPath(dir))
}

// A key between two leaves that points elsewhere hides records, and SQLite does not notice.
func TestHiddenRecords(t *testing.T) {
	t.Parallel()
	dir := damagedStore(t, 5000, 0, func(db []byte) {
		for at := pageSize; at < len(db); at += pageSize {
			p := db[at : at+pageSize]
			if cells := int(binary.BigEndian.Uint16(p[3:])); p[0] == 5 && cells > 20 {
				cell := p[binary.BigEndian.Uint16(p[12+2*(cells/2):]):]
				cell[4] |= 0x1f // the high octet of the varint after the page number
			}
		}
	})
	log := &logCount{}
	q, stop := started(t, dir, Config{Log: log.logger()})
	defer stop()
	for after := uint64(0); after < 5000; after++ {
		recs, err := q.Read(context.Background(), after, 1, nil)
		if err != nil || len(recs) != 1 || recs[0].Seq != after+1 || recs[0].Damaged {
			t.Fatalf("after %d: got %+v, error %v", after, recs, err)
		}
	}
	if log.count("queue database salvaged") != 1 {
		t.Errorf("logged %v", log.n)
	}
}

// TestMalformedWhileOpen damages the file of a running gateway: appending must go on, with cursors and numbers.
func TestMalformedWhileOpen(t *testing.T) {
	t.Parallel()
	dir := damagedStore(t, 5000, 1200, func([]byte) {})
	log := &logCount{}
	q, stop := started(t, dir, Config{Log: log.logger()})
	defer stop()
	id := q.ID()
	db, err := os.ReadFile(dbPath(dir))
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(dbPath(dir), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1300, 3000, 5000} {
		if _, err := f.WriteAt(make([]byte, pageSize), int64(body(t, db, n)/pageSize*pageSize)); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	good := countGood(t, q)
	if good < 5000-90 {
		t.Errorf("got %d records of 5000", good)
	}
	ctx := context.Background()
	rec := &Record{Received: time.Now()}
	if err := q.Append(ctx, rec); err != nil || rec.Seq != 5001 {
		t.Errorf("got number %d, error %v, want 5001", rec.Seq, err)
	}
	if cursor, err := q.Attach(ctx, "noc"); err != nil || cursor != 1200 {
		t.Errorf("got cursor %d, error %v, want 1200", cursor, err)
	}
	st, err := q.Status(ctx)
	if err != nil || q.ID() != id || st.Outputs[0].Lost != 5000-good || st.Events != good+1 {
		t.Errorf("got %+v, error %v, want %d lost", st, err, 5000-good)
	}
	if log.count("queue database salvaged") != 1 {
		t.Errorf("logged %v", log.n)
	}
}

// TestFlippedBits flips bits anywhere: nothing may crash or deliver a wrong body, and appending must go on.
func TestFlippedBits(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(seed, 7))
			dir := damagedStore(t, 1500, 100, func(db []byte) {
				for range 40 {
					db[rnd.IntN(len(db))] ^= 1 << rnd.IntN(8)
				}
			})
			q, err := Open(dir, Config{})
			if err != nil {
				t.Fatal(err)
			}
			go q.Run(context.Background())
			defer q.Close()
			var recs []Record
			for after := uint64(0); after < 1500; after += 50 {
				recs, err = q.Read(context.Background(), after, 50, recs)
				if err != nil {
					t.Logf("after %d: %v", after, err)
				}
			}
			good := map[uint64]bool{}
			for _, rec := range recs {
				if want := fmt.Sprintf("<<body-%07d>>%0200d", rec.Seq, rec.Seq); !rec.Damaged && string(rec.Body) != want {
					t.Errorf("record %d: got %q", rec.Seq, rec.Body)
				}
				good[rec.Seq] = true
			}
			if len(good) < 1000 {
				t.Errorf("got %d records of 1500", len(good))
			}
			if err := q.Append(context.Background(), &Record{Received: time.Now(), Body: []byte("x")}); err != nil {
				t.Error(err)
			}
		})
	}
}

package queue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// finishSalvage puts a complete copy in its place. A crash at any point leaves something that the next call finishes.
func finishSalvage(dir string) error {
	if err := removeDB(filepath.Join(dir, freshFile)); err != nil {
		return err
	}
	salvaged, db, kept := filepath.Join(dir, salvagedFile), dbPath(dir), filepath.Join(dir, damagedFile)
	if _, err := os.Stat(salvaged); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	err := errors.Join(
		ignoreMissing(os.Rename(db+"-wal", kept+"-wal")),
		ignoreMissing(os.Remove(db+"-shm")),
		ignoreMissing(os.Rename(db, kept)),
	)
	if err == nil {
		err = os.Rename(salvaged, db)
	}
	if err != nil {
		return fmt.Errorf("finish salvage: %w", err)
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func removeDB(path string) error {
	var errs []error
	for _, suffix := range []string{"", "-wal", "-shm"} {
		errs = append(errs, ignoreMissing(os.Remove(path+suffix)))
	}
	return errors.Join(errs...)
}

func openDamaged(path string) (*sqlite.Conn, error) {
	c, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		return nil, err
	}
	c.SetBusyTimeout(5 * time.Second)
	if _, err := queryInt(c, "SELECT count(*) FROM events WHERE seq=0"); malformed(err) {
		if _, schemaErr := c.Prepare(selectEvents); schemaErr != nil {
			closeQuietly(c)
			return nil, err
		}
	}
	return c, nil
}

// replaceFirstPage gives the damaged file the first page of the new one. It holds the schema with the tables' root
// pages, which are the same in every store of this schema, and without it SQLite reads nothing at all.
func (s *salvager) replaceFirstPage() error {
	if err := sqlitex.ExecuteTransient(s.dst, "PRAGMA wal_checkpoint(TRUNCATE)", nil); err != nil {
		return err
	}
	fresh, err := os.Open(filepath.Join(s.w.q.dir, freshFile))
	if err != nil {
		return err
	}
	defer fresh.Close()
	page := make([]byte, pageSize)
	if _, err := fresh.ReadAt(page, 0); err != nil {
		return err
	}
	f, err := os.OpenFile(dbPath(s.w.q.dir), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	// The database header, sqlite.org/fileformat.html section 1.3: size in pages, no free list.
	binary.BigEndian.PutUint32(page[28:], uint32(st.Size()/pageSize))
	clear(page[32:40])
	if _, err := f.WriteAt(page, 0); err != nil {
		return err
	}
	return f.Sync()
}

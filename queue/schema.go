package queue

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// File names in the queue's directory.
const (
	dbFile      = "queue.db"
	walFile     = "queue.db-wal"
	shmFile     = "queue.db-shm"
	lockFile    = "queue.lock"
	damagedFile = "queue.db.damaged"
	freshFile   = "queue.db.new"
)

const (
	pageSize = 4096
	shmBytes = 32 << 10 // what SQLite makes its index of the log first

	writerCache = "cache_size=-2048"
)

// migrations[i] brings a store from schema i to i+1. They are never edited, only added to.
var migrations = []string{`
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE events(seq INTEGER PRIMARY KEY, received INTEGER, input TEXT, remote TEXT, crc INTEGER, body BLOB);
CREATE TABLE outputs(name TEXT PRIMARY KEY, cursor INTEGER, lost INTEGER, updated INTEGER) WITHOUT ROWID;
CREATE TABLE deliveries(output TEXT, first INTEGER, last INTEGER, runs TEXT, PRIMARY KEY(output, first)) WITHOUT ROWID;
CREATE TABLE state(output TEXT, key TEXT, value BLOB, PRIMARY KEY(output, key)) WITHOUT ROWID;
CREATE TABLE damaged(seq INTEGER PRIMARY KEY);
CREATE TABLE gaps(first INTEGER PRIMARY KEY, last INTEGER);
`}

// openWriter opens or makes the database for writing and brings its schema up to date.
func openWriter(path string) (*sqlite.Conn, error) {
	c, err := sqlite.OpenConn(path, sqlite.OpenReadWrite, sqlite.OpenCreate)
	if err != nil {
		return nil, err
	}
	if err := prepareWriter(c); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func prepareWriter(c *sqlite.Conn) error {
	c.SetBusyTimeout(5 * time.Second)
	// page_size and auto_vacuum count only before the first table is made.
	for _, pragma := range []string{
		fmt.Sprintf("page_size=%d", pageSize), "auto_vacuum=INCREMENTAL", "journal_mode=WAL", "synchronous=FULL",
		"wal_autocheckpoint=0", writerCache, "mmap_size=0", "temp_store=MEMORY",
	} {
		if err := sqlitex.ExecuteTransient(c, "PRAGMA "+pragma, nil); err != nil {
			return fmt.Errorf("set %s: %w", pragma, err)
		}
	}
	version, err := schemaVersion(c)
	if err != nil {
		return err
	}
	for v := version; v < len(migrations); v++ {
		script := fmt.Sprintf("%s;PRAGMA user_version=%d;", migrations[v], v+1)
		if v == 0 {
			script += fmt.Sprintf("INSERT INTO meta VALUES('id','%s'),('trimmed','0'),('damaged','0');", newID())
		}
		// ExecScript is a transaction by itself.
		if err := sqlitex.ExecScript(c, script); err != nil {
			return fmt.Errorf("migrate to schema %d: %w", v+1, err)
		}
	}
	return nil
}

func newID() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// schemaVersion refuses what this program cannot know.
func schemaVersion(c *sqlite.Conn) (int, error) {
	version, err := queryInt(c, "PRAGMA user_version")
	if err != nil {
		return 0, err
	}
	if version > int64(len(migrations)) {
		return 0, fmt.Errorf("schema %d is newer than this program knows (%d): install the newer version again", version, len(migrations))
	}
	return int(version), nil
}

// openReader opens the database for reading only.
func openReader(path string) (*sqlite.Conn, error) {
	c, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err == nil {
		c.SetBusyTimeout(5 * time.Second)
		_, err = queryInt(c, "PRAGMA user_version") // the first access is what fails
	}
	if code := sqlite.ErrCode(err).ToPrimary(); code == sqlite.ResultCantOpen || code == sqlite.ResultReadOnly {
		// A store that is closed has no log file, and who may not write in the directory cannot make one.
		if _, statErr := os.Stat(path + "-wal"); errors.Is(statErr, os.ErrNotExist) {
			closeQuietly(c)
			c, err = sqlite.OpenConn("file:"+uriPath(path)+"?immutable=1", sqlite.OpenReadOnly, sqlite.OpenURI)
		}
	}
	if err == nil {
		err = sqlitex.ExecuteTransient(c, "PRAGMA cache_size=-1024", nil)
	}
	if err != nil {
		closeQuietly(c)
		return nil, err
	}
	return c, nil
}

// closeQuietly is for connections that failed already or only read: what Close says then helps nobody.
func closeQuietly(c *sqlite.Conn) {
	if c != nil {
		_ = c.Close()
	}
}

func uriPath(path string) string {
	var b []byte
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '%' || c == '?' || c == '#':
			b = fmt.Appendf(b, "%%%02X", c)
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

// grow writes zeros behind the end of a file until it has its usual size: overwriting and syncing blocks that exist takes
// half the time of appending new ones. SQLite ignores what carries no valid frame.
func grow(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644) // as SQLite makes them
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	zeros := make([]byte, 64<<10)
	for at := st.Size(); at < size; at += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), size-at)], at); err != nil {
			return err
		}
	}
	return f.Sync()
}

func queryInt(c *sqlite.Conn, query string, args ...any) (n int64, err error) {
	err = sqlitex.Execute(c, query, &sqlitex.ExecOptions{Args: args, ResultFunc: func(st *sqlite.Stmt) error {
		n = st.ColumnInt64(0)
		return nil
	}})
	return n, err
}

func meta(c *sqlite.Conn, key string) (value string, err error) {
	err = sqlitex.Execute(c, "SELECT value FROM meta WHERE key=?", &sqlitex.ExecOptions{Args: []any{key},
		ResultFunc: func(st *sqlite.Stmt) error {
			value = st.ColumnText(0)
			return nil
		}})
	return value, err
}

func metaUint(c *sqlite.Conn, key string) (uint64, error) {
	s, err := meta(c, key)
	if err != nil || s == "" {
		return 0, err
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", key, err)
	}
	return n, nil
}

func setMeta(c *sqlite.Conn, key, value string) error {
	return sqlitex.Execute(c, "INSERT OR REPLACE INTO meta VALUES(?,?)", &sqlitex.ExecOptions{Args: []any{key, value}})
}

// malformed tells whether SQLite found the file itself broken.
func malformed(err error) bool {
	code := sqlite.ErrCode(err).ToPrimary()
	return err != nil && (code == sqlite.ResultCorrupt || code == sqlite.ResultNotADB)
}

func dbPath(dir string) string { return filepath.Join(dir, dbFile) }

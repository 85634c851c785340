package eventslog

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// logFile is the log or one that logrotate made of it.
type logFile struct {
	path     string
	modified time.Time
}

// rotated is what logrotate appends to a name: a number or a date. An administrator's copy has another name.
var rotated = regexp.MustCompile(`^[.-][0-9][0-9-]*(\.gz)?$`)

// logFiles lists the log's older files, oldest first, without the log itself: events.log.1, events.log-20261123,
// events.log.2.gz. The time of the last change survives renaming and compression.
func logFiles(path string) ([]logFile, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var files []logFile
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), filepath.Base(path))
		if !ok || !rotated.MatchString(rest) {
			continue
		}
		if plain, ok := strings.CutSuffix(e.Name(), ".gz"); ok && slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == plain }) {
			continue // being compressed
		}
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
			continue // gone meanwhile, or none of ours
		}
		files = append(files, logFile{filepath.Join(filepath.Dir(path), e.Name()), info.ModTime()})
	}
	slices.SortFunc(files, func(a, b logFile) int {
		if c := a.modified.Compare(b.modified); c != 0 {
			return c
		}
		return olderName(a.path, b.path)
	})
	return files, nil
}

// olderName compares the names of files that changed in the same moment: of numbers the higher one is older, of dates
// the lower one.
func olderName(a, b string) int {
	number := func(path string) int {
		n, err := strconv.Atoi(strings.TrimPrefix(filepath.Ext(strings.TrimSuffix(path, ".gz")), "."))
		if err != nil {
			return 0
		}
		return n
	}
	if c := cmp.Compare(number(b), number(a)); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}

// openAt opens a file of the log, compressed or not, at an offset.
func openAt(path string, offset int64) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if !strings.HasSuffix(path, ".gz") {
		if _, err := f.Seek(offset, io.SeekStart); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return f, nil
	}
	z, err := gzip.NewReader(f)
	if err == nil {
		_, err = io.CopyN(io.Discard, z, offset)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{z, f}, nil
}

// before returns up to n octets that stand before an offset. It is an error if the file is shorter than that.
func before(path string, offset int64, n int64) ([]byte, error) {
	n = min(n, offset)
	r, err := openAt(path, offset-n)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return b, err
}

// holds reports whether the position is in this file.
func (p *position) holds(path string) bool {
	b, err := before(path, p.Offset, tailSize)
	return err == nil && tailHash(b) == p.Tail
}

// locate returns the older files that are to be read before the log, oldest first. The position is in the first of
// them; in the log, when there are none. Known is false when the position is in none at all.
func (p *position) locate() (older []logFile, known bool, err error) {
	if p.Offset > 0 && p.holds(p.Path) {
		return nil, true, nil
	}
	files, err := logFiles(p.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, true, nil // not even the directory: nothing was logged yet
	}
	if err != nil {
		return nil, false, err
	}
	if p.Offset == 0 {
		// Nothing tells the file, but what is new is in those that changed since then.
		i := slices.IndexFunc(files, func(f logFile) bool { return f.modified.After(p.Time) })
		if i < 0 {
			return nil, true, nil
		}
		return files[i:], true, nil
	}
	for i := len(files) - 1; i >= 0 && i >= len(files)-maxOlder; i-- {
		if p.holds(files[i].path) {
			return files[i:], true, nil
		}
	}
	return nil, false, nil
}

// maxOlder bounds how many older files are looked at for the position.
const maxOlder = 8

// size returns the size of the log, and whether it is there.
func size(path string) (int64, bool, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	return info.Size(), true, nil
}

// splitLines yields the lines that are complete. The first one may lack its beginning.
func splitLines(b []byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		for {
			i := bytes.IndexByte(b, '\n')
			if i < 0 || !yield(string(b[:i])) {
				return
			}
			b = b[i+1:]
		}
	}
}

package eventslog

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// position is how far the log was handed on. The octets before it tell the right file after a rotation: a file's
// number in the file system is used again, and a copy has another one.
type position struct {
	Path   string    `json:"path"`   // that was configured
	Offset int64     `json:"offset"` // of the first line not handed on
	Tail   string    `json:"tail"`   // hash of the tailSize octets before it, fewer at the beginning
	Time   time.Time `json:"time"`   // when it was saved
}

const tailSize = 512

// tailHash is the Tail of a position behind these octets.
func tailHash(before []byte) string {
	sum := sha256.Sum256(before[max(0, len(before)-tailSize):])
	return hex.EncodeToString(sum[:16])
}

// loadPosition reads the saved position; ok is false when there is none for this path.
func loadPosition(file, path string) (p position, ok bool, err error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return position{}, false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil {
		return position{}, false, fmt.Errorf("read position in events.log: %w", err)
	}
	return p, p.Path == path && p.Offset >= 0, nil
}

// save replaces the file so that after a crash there is either the old or the new one.
func (p *position) save(file string) (err error) {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("save position in events.log: %w", err)
		}
	}()
	temp := file + ".new"
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp, file); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

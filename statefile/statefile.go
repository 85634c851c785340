// Package statefile writes the small files of the state directory so that a crash leaves either the old content or the
// new, never a part. Those who keep such a file call it: the SNMP engine, the position in events.log, silences, sources.
package statefile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Write replaces the content of file and returns when it is on disk. Only the owner can read it.
func Write(file string, data []byte) (err error) {
	dir := filepath.Dir(file)
	f, err := os.CreateTemp(dir, "."+filepath.Base(file)+"-*")
	if err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("write state %q: %w", file, errors.Join(err, os.Remove(f.Name())))
		}
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), file); err != nil {
		return err
	}
	// The new name, too, has to survive.
	d, err := os.Open(dir)
	if err != nil {
		return nil // it is written, and its directory cannot be opened for reading: nothing more can be done
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("write state %q: %w", file, err)
	}
	return nil
}

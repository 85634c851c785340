package nagios

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// Submit writes the results to the command file of Nagios or Icinga 2, each in one piece. A plain file is refused:
// left where the pipe should be, it would swallow results without a word. So is a pipe that nobody reads.
func Submit(file string, results []Result, now time.Time) error {
	f, err := os.OpenFile(file, os.O_WRONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ENXIO) {
		return fmt.Errorf("submit to %q: nobody reads it, is Nagios running?", file)
	}
	if err != nil {
		return fmt.Errorf("submit: %w", err)
	}
	defer f.Close() //nolint:errcheck // a pipe: the writes were seen to
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("submit: %w", err)
	}
	if info.Mode()&os.ModeNamedPipe == 0 {
		return fmt.Errorf("submit to %q: it is not a pipe: is external command processing on, and Nagios running?", file)
	}
	// A full pipe is given a moment: os.File waits until it can be written, or until the deadline.
	if err := f.SetWriteDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return fmt.Errorf("submit to %q: %w", file, err)
	}
	return Write(f, results, now)
}

// Write writes the results as external commands.
func Write(w io.Writer, results []Result, now time.Time) error {
	for _, r := range results {
		if _, err := io.WriteString(w, r.Command(now)); err != nil {
			return fmt.Errorf("submit: %w", err)
		}
	}
	return nil
}

// Lock takes the state file for this process alone until the returned function is called.
func Lock(file string) (unlock func(), err error) {
	f, err := os.OpenFile(file+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the state: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, fmt.Errorf("lock the state: %w", errors.Join(err, f.Close()))
	}
	return func() { f.Close() }, nil //nolint:errcheck // gives up the lock whatever it says
}

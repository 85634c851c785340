package queue

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// lockDir makes this process the only one that writes in dir. The lock is the kernel's (flock) and ends with the
// process however that ends; the pid in the file is for the error text only.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fmt.Errorf("open queue %q: %w", dir, err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		var buf [32]byte
		n, _ := f.Read(buf[:]) // without a pid the error is still clear
		f.Close()
		return nil, fmt.Errorf("open queue %q: in use by process %s", dir, strings.TrimSpace(string(buf[:n])))
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
		if errors.Is(err, syscall.ENOSPC) {
			err = nil // a full disk must not keep the gateway from starting
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock queue %q: %w", dir, err)
	}
	return f, nil
}

package eventslog

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/statefile"
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

// save puts the position into the file.
func (p *position) save(file string) error {
	text, err := json.Marshal(p)
	if err == nil {
		err = statefile.Write(file, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("save position in events.log: %w", err)
	}
	return nil
}

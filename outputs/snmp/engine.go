package snmp

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Engine is an SNMP engine of ours (RFC 3411): the sender of v3 traps is the authoritative one, and receivers drop
// without a word what comes with a boots counter or a time that is behind what they have seen.
type Engine struct {
	ID    string // raw octets
	Boots uint32
	base  uint32 // engine time at start
	start time.Time
}

// Time is the engine time: seconds since the engine started, from the monotonic clock.
func (e *Engine) Time() uint32 { return e.base + uint32(time.Since(e.start)/time.Second) }

// HexID is the engine ID as receivers are given it: 0x80...
func (e *Engine) HexID() string { return "0x" + hex.EncodeToString([]byte(e.ID)) }

// Engines keeps the gateway's engine ID and the boots counter on disk. A process opens it once; outputs made later,
// on a reload, share it.
type Engines struct {
	file  string // empty: nothing is kept
	log   *slog.Logger
	guest bool // another process may be running with this state

	mu     sync.Mutex // guards what follows
	state  engineState
	opened map[string]*Engine
}

// engineState is the file. Inode, Written and Machine are the number and the modification time of the file and the
// machine that wrote it: when they are others, it was copied, from a backup or from another machine, and its counters
// may be old.
type engineState struct {
	ID      string                 `json:"engine_id"`
	Boots   map[string]engineBoots `json:"boots"`
	Inode   uint64                 `json:"inode"`
	Written time.Time              `json:"written"`
	Machine string                 `json:"machine"`
}

type engineBoots struct {
	Boots  uint32  `json:"boots"`
	BootID string  `json:"boot_id"` // of the running kernel when it was raised
	Uptime float64 `json:"uptime"`  // seconds since the kernel started, then
}

const engineFile = "snmp-engine.json"

// OpenEngines reads the engine state of the state directory, for the process that is the gateway: the first use of an
// engine raises its boots counter.
func OpenEngines(dir string, log *slog.Logger) (*Engines, error) { return openEngines(dir, log, false) }

// JoinEngines is OpenEngines for a command that sends a packet or two while the gateway may be running: it goes on
// with the boots and the time of the gateway instead of raising the counter, which would make the receivers drop what
// the gateway sends.
func JoinEngines(dir string, log *slog.Logger) (*Engines, error) { return openEngines(dir, log, true) }

// TrialEngines is for packets that are only looked at: it reads and writes nothing.
func TrialEngines() *Engines {
	return &Engines{log: slog.New(slog.DiscardHandler), opened: map[string]*Engine{}}
}

func openEngines(dir string, log *slog.Logger, guest bool) (*Engines, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	e := &Engines{file: filepath.Join(dir, engineFile), log: log, guest: guest, opened: map[string]*Engine{}}
	data, err := os.ReadFile(e.file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return e, nil
	case err != nil:
		return nil, fmt.Errorf("read SNMP engine state: %w", err)
	}
	if err := json.Unmarshal(data, &e.state); err != nil {
		return nil, fmt.Errorf("read SNMP engine state %q: %w; remove the file to begin anew, receivers of v3 traps then need the new createUser lines", e.file, err)
	}
	if e.state.ID != "" {
		if _, err := parseEngineID(e.state.ID); err != nil {
			return nil, fmt.Errorf("read SNMP engine state %q: %w", e.file, err)
		}
	}
	return e, nil
}

// Engine returns the engine with the configured ID in hexadecimal, or the gateway's generated one when that is empty.
// Its boots counter is raised and on disk when this returns.
func (e *Engines) Engine(hexID string) (*Engine, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if hexID == "" {
		if e.state.ID == "" {
			id, err := newEngineID()
			if err != nil {
				return nil, err
			}
			e.state.ID = hex.EncodeToString([]byte(id))
			e.log.Warn("a new SNMP engine ID was generated: receivers of v3 traps need it, see gluster-trapgw snmp createuser", "engine_id", "0x"+e.state.ID)
		}
		hexID = e.state.ID
	}
	id, err := parseEngineID(hexID)
	if err != nil {
		return nil, err
	}
	if eng := e.opened[id]; eng != nil {
		return eng, nil
	}
	eng, err := e.boot(id)
	if err != nil {
		return nil, err
	}
	e.opened[id] = eng
	return eng, nil
}

// Open returns the engines in use, by their IDs.
func (e *Engines) Open() []*Engine {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make([]*Engine, 0, len(e.opened))
	for _, id := range slices.Sorted(maps.Keys(e.opened)) {
		all = append(all, e.opened[id])
	}
	return all
}

// newEngineID makes an ID in the format of RFC 3411 for octets chosen by the administration, under net-snmp's
// enterprise number, as the OID root is: the project has none.
func newEngineID() (string, error) {
	id := []byte{0x80, 0, 0x1f, 0x88, 5, 12: 0}
	_, err := rand.Read(id[5:])
	return string(id), err
}

// boot takes the next boots counter for the engine and writes it to the disk.
func (e *Engines) boot(id string) (*Engine, error) {
	key := hex.EncodeToString([]byte(id))
	now := engineBoots{BootID: bootID(), Uptime: uptime()}
	old, known := e.state.Boots[key]
	if e.guest && known && now.BootID != "" && old.BootID == now.BootID {
		return &Engine{ID: id, Boots: old.Boots, base: uint32(max(now.Uptime-old.Uptime, 0)), start: time.Now()}, nil
	}
	now.Boots = old.Boots + 1
	copied := e.copied()
	if known && copied != "" || !known && key != e.state.ID {
		// Nobody knows how far the counter was. It only has to be higher than ever before, and the clock has moved on.
		now.Boots = max(now.Boots, bootsOfClock(time.Now()))
	}
	if copied != "" {
		e.log.Warn("the SNMP engine state is a copy; its boots counter takes a leap so that receivers go on accepting v3 traps", "because", copied, "boots", now.Boots)
	}
	if now.Boots >= math.MaxInt32 || now.Boots == 0 {
		return nil, fmt.Errorf("SNMP engine %s has used up its boots counter: set another engine_id (RFC 3414 section 2.2.2)", key)
	}
	if e.state.Boots == nil {
		e.state.Boots = map[string]engineBoots{}
	}
	e.state.Boots[key] = now
	if err := e.save(); err != nil {
		return nil, fmt.Errorf("write SNMP engine state: %w", err)
	}
	return &Engine{ID: id, Boots: now.Boots, start: time.Now()}, nil
}

// bootsOfClock is a counter that grows faster than a gateway is restarted: minutes since 2020. It lasts 4,000 years.
func bootsOfClock(now time.Time) uint32 {
	return uint32(min(max(now.Sub(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))/time.Minute, 1), math.MaxInt32-1))
}

// copied says why the file is not where it was written, empty when it is.
func (e *Engines) copied() string {
	info, err := os.Stat(e.file)
	switch {
	case err != nil || e.state.Inode == 0:
		return ""
	case inode(info) != e.state.Inode || !info.ModTime().Equal(e.state.Written):
		return "the file is not the one that was written last, as after restoring a backup"
	case e.state.Machine != "" && e.state.Machine != machineID():
		return "it was written on another machine; two gateways must not share an engine ID"
	}
	return ""
}

// save replaces the file so that after a crash there is the old or the new one, and returns when it is on the disk.
func (e *Engines) save() (err error) {
	if e.file == "" {
		return nil
	}
	dir := filepath.Dir(e.file)
	f, err := os.CreateTemp(dir, engineFile+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	e.state.Inode, e.state.Written, e.state.Machine = inode(info), time.Now().Truncate(time.Microsecond), machineID()
	data, err := json.MarshalIndent(e.state, "", "  ")
	if err == nil {
		err = giveToOwner(f, dir)
	}
	if err == nil {
		_, err = f.Write(append(data, '\n'))
	}
	if err == nil {
		err = os.Chtimes(f.Name(), e.state.Written, e.state.Written)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), e.file); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return nil // the file itself is in place
	}
	return errors.Join(d.Sync(), d.Close())
}

// giveToOwner makes a file of root that of the owner of its directory: the service runs as another user and has to read
// what a command of the administrator wrote before.
func giveToOwner(f *os.File, dir string) error {
	info, err := os.Stat(dir)
	if err != nil || os.Geteuid() != 0 {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Uid == 0 {
		return nil
	}
	return f.Chown(int(st.Uid), int(st.Gid))
}

func inode(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Ino)
	}
	return 0
}

// The following are empty on systems without such a file, which switches off what they are for.

func machineID() string { return firstLine("/etc/machine-id") }

func bootID() string { return firstLine("/proc/sys/kernel/random/boot_id") }

func uptime() float64 {
	s, _, _ := strings.Cut(firstLine("/proc/uptime"), " ")
	v, _ := strconv.ParseFloat(s, 64) // 0 where there is none
	return v
}

func firstLine(file string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return line
}

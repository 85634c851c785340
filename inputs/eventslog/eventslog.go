// Package eventslog is the input that follows the log in which glustereventsd writes down every event before it posts
// it. glustereventsd never repeats what it could not post; this input hands on what the webhook missed while the gateway
// was away or refused, and is the one way to lose nothing.
//
// It hands on every event of the log and leaves it to accept to know which of them are stored already (inputs/dedupe). To
// let the webhook be first it stays a few seconds behind. How far it is, is saved after accept has made the events
// durable, and found again after rotation by name, by copytruncate, and with compression. The first time it begins at
// the end of the log. Another program's lines in the file, and glustereventsd's own messages, are passed over.
package eventslog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/inputs"
)

// Name is the name of this input in records and logs.
const Name = "eventslog"

const (
	behind     = 2 * time.Second // also how often the log is looked at
	saveEvery  = 1000            // lines
	maxLine    = 1 << 20
	noteBefore = 64 << 10 // octets before the position whose events are told to had
	retryFirst = 100 * time.Millisecond
	retryMost  = 5 * time.Second
)

// Counters count the lines of the log.
type Counters struct {
	Accepted atomic.Uint64 // events handed on, most of which the webhook had before
	Bad      atomic.Uint64 // begin like an event and cannot be read
	Gaps     atomic.Uint64 // not lines: how often the saved position was found in no file
}

// Input is the follower.
type Input struct {
	Counters Counters

	path  string
	file  string // of the position
	log   *slog.Logger
	had   func(inputs.Received)
	now   func() time.Time
	retry time.Duration // first wait after a failed accept

	pos     position
	ready   bool // pos is known
	failing bool // the log could not be read last time
	mark    int64
}

// New returns an input for a validated configuration. Its position is kept in the file named; Note tells
// had of the events just before the position, which were handed on before the program started.
func New(cfg Config, file string, had func(inputs.Received), log *slog.Logger) *Input {
	return &Input{path: cfg.Path, file: file, log: log, had: had, now: time.Now, retry: retryFirst}
}

// Open finds out where the last run ended: all events that were logged before since were handed on in it. On the first
// run it is the present.
func (in *Input) Open() (since time.Time, err error) {
	pos, ok, err := loadPosition(in.file, in.path)
	if err != nil {
		in.log.Warn("the position in events.log is lost: it is followed from its end", "err", err)
	}
	if !ok {
		pos = position{Path: in.path, Time: in.now().UTC()}
		n, _, err := size(in.path)
		if err != nil {
			return time.Time{}, fmt.Errorf("follow events.log: %w", err)
		}
		if pos.Offset, pos.Tail, err = end(in.path, n); err != nil {
			return time.Time{}, fmt.Errorf("follow events.log: %w", err)
		}
		if err := pos.save(in.file); err != nil {
			return time.Time{}, err
		}
	}
	in.pos, in.ready = pos, true
	return pos.Time, nil
}

// end returns the position behind the last line that is complete.
func end(path string, size int64) (int64, string, error) {
	for n := int64(4096); size > 0; n *= 4 {
		b, err := before(path, size, n)
		if err != nil {
			return 0, "", err
		}
		for i := len(b); i > 0; i-- {
			if b[i-1] == '\n' && (i >= tailSize || int64(len(b)) == size) {
				return size - int64(len(b)-i), tailHash(b[:i]), nil
			}
		}
		if int64(len(b)) == size {
			break
		}
	}
	return 0, "", nil
}

// Note tells had of the events just before the position: equal ones may follow. It wants Open before.
func (in *Input) Note() {
	older, known, err := in.pos.locate()
	if err != nil || !known || in.pos.Offset == 0 {
		return
	}
	path := in.path
	if len(older) > 0 {
		path = older[0].path
	}
	b, err := before(path, in.pos.Offset, noteBefore)
	if err != nil {
		return
	}
	for line := range splitLines(b) {
		if body, ok, err := event(line); ok && err == nil {
			in.had(in.received(body))
		}
	}
}

func (in *Input) received(body []byte) inputs.Received {
	return inputs.Received{Time: in.now().UTC(), Input: Name, Body: body}
}

// CatchUp hands on all that the log has, without staying behind. It wants Open before. What goes wrong is logged, and
// tried again by Run.
func (in *Input) CatchUp(ctx context.Context, accept inputs.Accept) {
	n, _, err := size(in.path)
	if err == nil {
		err = in.advance(ctx, accept, n)
	}
	in.report(ctx, err)
}

// Run follows the log until ctx ends and returns nil. It wants Open before.
func (in *Input) Run(ctx context.Context, accept inputs.Accept) error {
	if !in.ready {
		return errors.New("follow events.log: not open")
	}
	tick := time.NewTicker(behind)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			in.report(ctx, in.step(ctx, accept))
		}
	}
}

// step reads up to where the log ended at the step before, so that the webhook is first.
func (in *Input) step(ctx context.Context, accept inputs.Accept) error {
	n, _, err := size(in.path)
	if err != nil {
		return err
	}
	err = in.advance(ctx, accept, in.mark)
	in.mark = n
	return err
}

// report logs the first failure of a streak and its end.
func (in *Input) report(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil:
	case err != nil && !in.failing:
		in.failing = true
		in.log.Error("events.log cannot be followed: what the webhook misses is not recovered", "path", in.path, "err", err)
	case err == nil && in.failing:
		in.failing = false
		in.log.Info("events.log is followed again", "path", in.path)
	}
}

// advance hands on what is behind the position: in older files all of it, in the log only up to limit.
func (in *Input) advance(ctx context.Context, accept inputs.Accept, limit int64) error {
	older, known, err := in.pos.locate()
	if err != nil {
		return err
	}
	n, _, err := size(in.path)
	if err != nil {
		return err
	}
	if !known {
		in.Counters.Gaps.Add(1)
		in.log.Warn("the place in events.log where reading stopped is in no file any more: what was logged after it may be missing", "path", in.path)
		in.pos.Offset, in.pos.Tail = 0, ""
	}
	for i, f := range older {
		// The writer may keep to a renamed file until it is told to open the new one.
		last := i == len(older)-1 && n == 0
		if err := in.readFile(ctx, accept, f.path, 1<<62, !last); err != nil {
			return err
		}
		if last {
			return nil
		}
		in.pos.Offset, in.pos.Tail = 0, ""
	}
	if limit <= in.pos.Offset {
		return nil
	}
	err = in.readFile(ctx, accept, in.path, limit, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// readFile hands on the lines of one file from the position to the limit and saves the position. What stands behind
// the last end of a line is a line if the file is done.
func (in *Input) readFile(ctx context.Context, accept inputs.Accept, path string, limit int64, done bool) error {
	start := in.pos.Offset
	back := min(start, tailSize)
	r, err := openAt(path, start-back)
	if err != nil {
		return err
	}
	defer r.Close()
	tail := make([]byte, back, 2*tailSize)
	if _, err := io.ReadFull(r, tail); err != nil || back > 0 && tailHash(tail) != in.pos.Tail {
		return nil // truncated this very moment: the next step finds out
	}
	lines := bufio.NewReaderSize(r, 64<<10)
	read := 0
	save := func() error {
		if in.pos.Offset == start {
			return nil
		}
		start = in.pos.Offset
		in.pos.Tail = tailHash(tail)
		in.pos.Time = in.now().UTC()
		return in.pos.save(in.file)
	}
	for in.pos.Offset < limit && ctx.Err() == nil {
		line, err := readLine(lines)
		if err != nil && err != io.EOF {
			return errors.Join(err, save())
		}
		if err == io.EOF && (!done || len(line) == 0) {
			break
		}
		if serr := in.handOn(ctx, accept, string(line)); serr != nil {
			break // ctx has ended
		}
		in.pos.Offset += int64(len(line))
		if tail = append(tail, line[max(0, len(line)-tailSize):]...); len(tail) > tailSize {
			tail = append(tail[:0], tail[len(tail)-tailSize:]...)
		}
		if read++; read%saveEvery == 0 {
			if err := save(); err != nil {
				return err
			}
		}
		if err == io.EOF {
			break
		}
	}
	return save()
}

// readLine returns a line with its end. At the end of the file there may be none, and the error is io.EOF.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if err != bufio.ErrBufferFull {
			return line, err
		}
	}
}

// handOn gives a line's event to accept until that works or ctx ends.
func (in *Input) handOn(ctx context.Context, accept inputs.Accept, line string) error {
	if len(line) > maxLine {
		in.Counters.Bad.Add(1)
		return nil
	}
	body, ok, err := event(line)
	if err != nil {
		if in.Counters.Bad.Add(1) == 1 {
			in.log.Warn("events.log has a line that begins like an event and cannot be read", "path", in.path, "offset", in.pos.Offset)
		}
		return nil
	}
	if !ok {
		return nil
	}
	failing := false
	for wait := in.retry; ; wait = min(2*wait, retryMost) {
		err := accept(ctx, in.received(body))
		if err == nil {
			in.Counters.Accepted.Add(1)
			if failing {
				in.log.Info("events of events.log can be stored again")
			}
			return nil
		}
		if !failing && ctx.Err() == nil {
			failing = true
			in.log.Error("an event of events.log cannot be stored: trying again", "err", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

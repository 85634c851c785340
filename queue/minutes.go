package queue

import (
	"context"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// minutesChunk is how many records are counted in one transaction.
const minutesChunk = 20000

// PerMinute adds to counts, by the Unix time of its first second, the records that were received in each minute: those
// after the given number that came at from or later, but for those of one input. It returns the number up to which it
// counted, so that the next call goes on there. It reads no bodies.
func (r *Reader) PerMinute(ctx context.Context, after uint64, from time.Time, except string, counts map[int64]uint64) (upTo uint64, err error) {
	_, err = r.with(ctx, func(c *sqlite.Conn) (err error) {
		defer sqlitex.Save(c)(&err)
		v, err := loadView(c)
		if err != nil {
			return err
		}
		first, err := firstSince(c, v, from.Add(-clockSlack))
		after, upTo = max(after, first-1), v.last
		return err
	})
	for at := after; err == nil && at < upTo; at += minutesChunk {
		_, err = r.with(ctx, func(c *sqlite.Conn) error {
			return sqlitex.Execute(c, "SELECT received/60000000000, count(*) FROM events WHERE seq>? AND seq<=? AND received>=? AND input<>? GROUP BY 1",
				&sqlitex.ExecOptions{Args: []any{int64(at), int64(min(at+minutesChunk, upTo)), from.UnixNano(), except},
					ResultFunc: func(st *sqlite.Stmt) error {
						counts[st.ColumnInt64(0)*60] += uint64(st.ColumnInt64(1))
						return nil
					}})
		})
	}
	if err != nil {
		return after, wrapRead("minutes", err)
	}
	return upTo, nil
}

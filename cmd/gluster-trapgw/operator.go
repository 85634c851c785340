package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/admin"
	"github.com/gluster-trapgw/gluster-trapgw/silences"
)

// shownSilence is a silence as the admin endpoint and the commands show it.
func shownSilence(s *silences.Silence, now time.Time) *admin.Silence {
	v := &admin.Silence{ID: s.ID, State: s.State(now), Matchers: make([]string, len(s.Matchers)), Starts: &s.Starts, Ends: s.Ends,
		Author: s.Author, Comment: s.Comment}
	for i := range s.Matchers {
		v.Matchers[i] = s.Matchers[i].String()
	}
	return v
}

func shownSilences(list []*silences.Silence, now time.Time) []*admin.Silence {
	all := make([]*admin.Silence, len(list))
	for i := range list {
		all[i] = shownSilence(list[i], now)
	}
	return all
}

// Silences implements admin.Gateway.
func (o *overseer) Silences(context.Context) ([]*admin.Silence, error) {
	return shownSilences(o.silences.List(), time.Now()), nil
}

// AddSilence implements admin.Gateway.
func (o *overseer) AddSilence(ctx context.Context, v *admin.Silence) (*admin.Silence, error) {
	if v.ID != "" || v.State != "" {
		return nil, fmt.Errorf("%w: a new silence gets its id and state here", admin.ErrInput)
	}
	s := silences.Silence{Ends: v.Ends, Author: v.Author, Comment: v.Comment}
	if v.Starts != nil {
		s.Starts = *v.Starts
	}
	for _, text := range v.Matchers {
		m, err := silences.ParseMatcher(text)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", admin.ErrInput, err)
		}
		s.Matchers = append(s.Matchers, m)
	}
	added, err := o.addSilence(ctx, s)
	if err != nil {
		return nil, asInput(err, silences.ErrInvalid)
	}
	return shownSilence(added, time.Now()), nil
}

// ExpireSilence implements admin.Gateway.
func (o *overseer) ExpireSilence(ctx context.Context, id, author string) (*admin.Silence, error) {
	ended, err := o.expireSilence(ctx, id, author)
	if err != nil {
		return nil, asInput(err, silences.ErrUnknown, silences.ErrEnded)
	}
	return shownSilence(ended, time.Now()), nil
}

// ClearAlarm implements admin.Gateway.
func (o *overseer) ClearAlarm(ctx context.Context, r *admin.ClearRequest) (*admin.Recorded, error) {
	seq, err := o.clearAlarm(ctx, r.Key, r.Author, r.Comment)
	return &admin.Recorded{Seq: seq}, asInput(err, errNoAlarm)
}

// Resend implements admin.Gateway.
func (o *overseer) Resend(ctx context.Context, r *admin.ResendRequest) (*admin.Recorded, error) {
	seq, err := o.resend(ctx, r.Output)
	return &admin.Recorded{Seq: seq}, asInput(err, errNoOutput, errNoTable)
}

// asInput marks an error as that of who asked when it is one of these.
func asInput(err error, kinds ...error) error {
	for _, k := range kinds {
		if errors.Is(err, k) {
			return fmt.Errorf("%w: %w", admin.ErrInput, err)
		}
	}
	return err
}

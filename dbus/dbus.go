// Package dbus sends each event as a signal on a D-Bus bus, for the desktop and service tools of this machine. It is off
// unless configured.
//
// A signal is a courtesy: nothing is queued for a bus that is away, and nothing repeated when it is back. The log, its
// history and the live stream have what was missed, under the number that each signal carries.
package dbus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	godbus "github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/introspect"

	"github.com/gluster-trapgw/gluster-trapgw/admin"
	"github.com/gluster-trapgw/gluster-trapgw/conffile"
)

// The names on the bus. The 1 is the version of the interface: what it has is never changed, only added to.
const (
	Name      = "org.gluster.TrapGateway1"
	Path      = godbus.ObjectPath("/org/gluster/TrapGateway1")
	Interface = "org.gluster.TrapGateway1"
)

// Config is the dbus part of the configuration.
type Config struct {
	Bus string `yaml:"bus"` // system, session or a D-Bus address such as unix:path=/run/bus; empty turns it off
}

// On reports whether signals are wanted.
func (c *Config) On() bool { return c.Bus != "" }

// Validate reports what cannot be a bus.
func (c *Config) Validate() error {
	switch {
	case c.Bus == "" || c.Bus == "system" || c.Bus == "session":
		return nil
	case !strings.Contains(c.Bus, ":"):
		return conffile.At("bus", "%q is not a bus: write system, session, or an address such as unix:path=/run/dbus/system_bus_socket", c.Bus)
	}
	return nil
}

// Events calls begun and hands every event from then on to fn, until ctx ends or fn fails.
type Events func(ctx context.Context, begun func(), fn func(*admin.Live) error) error

// Emitter sends the signals.
type Emitter struct {
	cfg    Config
	events Events
	log    *slog.Logger
	pause  time.Duration // after a failure
}

// New returns an emitter for a validated configuration.
func New(cfg Config, events Events, log *slog.Logger) *Emitter {
	return &Emitter{cfg: cfg, events: events, log: log, pause: 5 * time.Second}
}

// Run sends signals until ctx ends and returns nil. A bus that is away is waited for, with a line in the log when it goes
// and one when it comes.
func (e *Emitter) Run(ctx context.Context) error {
	failing := false
	for ctx.Err() == nil {
		err := e.emit(ctx, func() {
			failing = false
			e.log.Info("events are signals on D-Bus", "bus", e.cfg.Bus, "name", Name)
		})
		if ctx.Err() != nil {
			break
		}
		if !failing {
			e.log.Warn("no signals on D-Bus until it is back", "bus", e.cfg.Bus, "err", err)
			failing = true
		}
		select {
		case <-ctx.Done():
		case <-time.After(e.pause):
		}
	}
	return nil
}

// emit connects and sends until something fails. It calls begun when no event is missed any more.
func (e *Emitter) emit(ctx context.Context, begun func()) error {
	conn, err := e.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // it may be gone already
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(conn.Context(), cancel)()
	err = e.events(ctx, begun, func(l *admin.Live) error {
		return conn.Emit(Path, Interface+".Event", l.Seq, variants(l))
	})
	if conn.Context().Err() != nil {
		return errors.New("the bus has closed the connection")
	}
	return err
}

func (e *Emitter) connect(ctx context.Context) (conn *godbus.Conn, err error) {
	switch e.cfg.Bus {
	case "system":
		conn, err = godbus.ConnectSystemBus(godbus.WithContext(ctx))
	case "session":
		conn, err = godbus.ConnectSessionBus(godbus.WithContext(ctx))
	default:
		conn, err = godbus.Connect(e.cfg.Bus, godbus.WithContext(ctx))
	}
	if err != nil {
		return nil, fmt.Errorf("connect to the bus: %w", err)
	}
	if err := e.introduce(conn); err != nil {
		conn.Close() //nolint:errcheck // it failed before
		return nil, err
	}
	return conn, nil
}

// introduce takes the name, and describes the signal to who asks.
func (e *Emitter) introduce(conn *godbus.Conn) error {
	node := &introspect.Node{Name: string(Path), Interfaces: []introspect.Interface{introspect.IntrospectData, {
		Name: Interface,
		Signals: []introspect.Signal{{Name: "Event", Args: []introspect.Arg{
			{Name: "number", Type: "t", Direction: "out"},
			{Name: "event", Type: "a{sv}", Direction: "out"},
		}}},
	}}}
	if err := conn.Export(introspect.NewIntrospectable(node), Path, "org.freedesktop.DBus.Introspectable"); err != nil {
		return fmt.Errorf("describe the signal: %w", err)
	}
	got, err := conn.RequestName(Name, godbus.NameFlagDoNotQueue)
	if err != nil {
		return fmt.Errorf("take the name %s: %w", Name, err)
	}
	if got != godbus.RequestNameReplyPrimaryOwner {
		return fmt.Errorf("take the name %s: another program has it", Name)
	}
	return nil
}

// variants is the event by the names that the live stream gives its parts; what is empty is left out.
func variants(l *admin.Live) map[string]godbus.Variant {
	m := map[string]godbus.Variant{
		"received": godbus.MakeVariant(l.Received.UTC().Format(time.RFC3339Nano)),
		"outputs":  godbus.MakeVariant(l.Outputs),
	}
	for k, v := range map[string]string{"input": l.Input, "event": l.Event, "group": l.Group, "severity": l.Severity, "state": l.State,
		"alarm_key": l.AlarmKey, "node": l.Node, "node_id": l.NodeID, "volume": l.Volume, "brick": l.Brick, "peer": l.Peer,
		"text": l.Text, "rule": l.Rule} {
		if v != "" {
			m[k] = godbus.MakeVariant(text(v))
		}
	}
	if len(l.Fields) > 0 {
		fields := make(map[string]string, len(l.Fields))
		for k, v := range l.Fields {
			fields[text(k)] = text(v)
		}
		m["fields"] = godbus.MakeVariant(fields)
	}
	return m
}

// text makes a string that D-Bus carries: a bus closes the connection of who sends one that is not UTF-8, or has a NUL
// (D-Bus Specification, section "Valid Strings").
func text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

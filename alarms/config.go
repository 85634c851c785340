package alarms

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// Config is the alarms section of the configuration file.
type Config struct {
	// MaxAge ends an alarm of a class that no event clears, such as a split-brain, or none is sure to clear, such as a
	// command that failed and is not tried again, when it was not reported again for so long. 0 keeps it until its
	// volume, brick or peer is gone.
	MaxAge conffile.Duration `yaml:"max_age"`
	// ClassAge is the same for single classes, also for those that events clear. Reports of a quota soft limit come
	// once a week by default, so quota has 8d when it is not given here.
	ClassAge map[string]conffile.Duration `yaml:"class_age"`
	// PeerHides keeps alarms about the bricks, services and sub-volumes of a node back while it is disconnected.
	PeerHides bool `yaml:"peer_hides"`
	// Grace is how long alarms are kept back still when the cause is over: bricks need a moment to come back.
	Grace conffile.Duration `yaml:"grace"`
	// ResendAfter sends all active alarms again to an output that could not be reached for longer; 0 does not.
	ResendAfter conffile.Duration `yaml:"resend_after"`
	// Inhibit keeps alarms back while others are active.
	Inhibit []Inhibit `yaml:"inhibit"`
}

// Inhibit is a rule as in Alertmanager: while an alarm of a class in Source is active, alarms of the classes in Target
// are kept back when all parts in Equal are the same in both. A part that both lack is the same.
type Inhibit struct {
	Source conffile.Texts `yaml:"source"`
	Target conffile.Texts `yaml:"target"`
	Equal  conffile.Texts `yaml:"equal"`
}

// DefaultConfig is what holds without an alarms section.
func DefaultConfig() Config {
	return Config{
		MaxAge:    conffile.Duration(24 * time.Hour),
		PeerHides: true,
		Grace:     conffile.Duration(30 * time.Second),
	}
}

// equalParts are the parts that Inhibit.Equal can name: those of identities and what else alarms know.
func equalParts(c *translate.Catalogue) []string {
	parts := map[string]bool{"volume": true, "brick": true, "peer": true, "peername": true, "subvol": true}
	for _, class := range c.Classes {
		for _, p := range class {
			parts[p] = true
		}
	}
	return slices.Sorted(maps.Keys(parts))
}

// Validate returns every mistake.
func (c *Config) Validate() error {
	cat, err := translate.LoadCatalogue()
	if err != nil {
		return err
	}
	classes, parts := slices.Sorted(maps.Keys(cat.Classes)), equalParts(cat)
	var errs []error
	for _, class := range slices.Sorted(maps.Keys(c.ClassAge)) {
		errs = append(errs, oneOf("class_age", "an alarm class", class, classes))
	}
	for i := range c.Inhibit {
		errs = append(errs, conffile.In(fmt.Sprintf("inhibit[%d]", i), c.Inhibit[i].validate(classes, parts)))
	}
	return errors.Join(errs...)
}

func (r *Inhibit) validate(classes, parts []string) error {
	var errs []error
	if len(r.Source) == 0 {
		errs = append(errs, conffile.At("source", "empty, expected alarm classes such as brick"))
	}
	if len(r.Target) == 0 {
		errs = append(errs, conffile.At("target", "empty, expected alarm classes such as georep-worker"))
	}
	for _, class := range r.Source {
		errs = append(errs, oneOf("source", "an alarm class", class, classes))
	}
	for _, class := range r.Target {
		errs = append(errs, oneOf("target", "an alarm class", class, classes))
		if slices.Contains(r.Source, class) {
			errs = append(errs, conffile.At("target", "%q is a source too: such alarms would keep each other back", class))
		}
	}
	for _, part := range r.Equal {
		errs = append(errs, oneOf("equal", "a part of alarms", part, parts))
	}
	return errors.Join(errs...)
}

func oneOf(path, kind, name string, known []string) error {
	if slices.Contains(known, name) {
		return nil
	}
	return conffile.At(path, "%q is not %s%s", name, kind, conffile.DidYouMean(name, known))
}

// failures are the classes of what failed once. Success clears them, but nobody has to try again; and when it fails again
// another day, that is news.
var failures = []string{"add-brick", "brick-stop", "client-auth", "peer-rpc", "rebalance", "rebalance-status",
	"remove-brick-start", "remove-brick-commit", "remove-brick-stop", "remove-brick-force", "schedule-add", "schedule-edit",
	"schedule-delete", "scheduler-init", "scheduler-enable", "scheduler-disable", "snapshot-activate", "snapshot-deactivate",
	"snapshot-restore", "snapshot-delete", "snapshot-clone", "snapshot-config", "svc-reconfigure"}

// ages returns for each class how long its alarms live without a new report; 0 is for ever.
func (c *Config) ages(cat *translate.Catalogue) map[string]time.Duration {
	cleared := map[string]bool{}
	for _, e := range slices.Concat(cat.Events, cat.Own) {
		for _, cl := range e.Clears {
			cleared[cl.Class] = true
		}
	}
	ages := map[string]time.Duration{"quota": 8 * 24 * time.Hour}
	for class := range cat.Classes {
		if !cleared[class] || slices.Contains(failures, class) {
			ages[class] = time.Duration(c.MaxAge)
		}
	}
	for class, age := range c.ClassAge {
		ages[class] = time.Duration(age)
	}
	return ages
}

package main

import (
	_ "embed" // the sample
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/gluster-trapgw/gluster-trapgw/admin"
	"github.com/gluster-trapgw/gluster-trapgw/alarms"
	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/dbus"
	"github.com/gluster-trapgw/gluster-trapgw/inputs/eventsd"
	"github.com/gluster-trapgw/gluster-trapgw/inputs/eventslog"
	"github.com/gluster-trapgw/gluster-trapgw/inputs/webhook"
	"github.com/gluster-trapgw/gluster-trapgw/listener"
	"github.com/gluster-trapgw/gluster-trapgw/mibs"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/snmp"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/syslog"
	"github.com/gluster-trapgw/gluster-trapgw/policy"
	"github.com/gluster-trapgw/gluster-trapgw/queue"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// config is the configuration file. Each package owns the part that concerns it; this only nests them.
type config struct {
	Webhook    webhook.Config    `yaml:"webhook"`
	Eventsd    eventsd.Config    `yaml:"eventsd"`
	Eventslog  eventslog.Config  `yaml:"eventslog"`
	StateDir   string            `yaml:"state_dir"`
	Queue      queue.Config      `yaml:"queue"`
	Cluster    translate.Cluster `yaml:"cluster"`
	MIB        mibConfig         `yaml:"mib"`
	PolicyFile string            `yaml:"policy_file"`
	Alarms     alarms.Config     `yaml:"alarms"`
	Outputs    []outputConfig    `yaml:"outputs"`
	Heartbeat  heartbeatConfig   `yaml:"heartbeat"`
	Sources    sourcesConfig     `yaml:"sources"`
	Admin      admin.Config      `yaml:"admin"`
	DBus       dbus.Config       `yaml:"dbus"`
	Log        logConfig         `yaml:"log"`

	file   string         // where it was read from; empty for the built-in defaults
	mib    *mibs.MIB      // loaded under MIB.OIDRoot
	policy *policy.Policy // from PolicyFile, or the built-in one
}

type mibConfig struct {
	OIDRoot string `yaml:"oid_root"`
}

type outputConfig struct {
	Name       string         `yaml:"name"`
	EveryEvent bool           `yaml:"every_event"` // each event as it comes, without looking at alarms
	SNMP       *snmp.Config   `yaml:"snmp"`
	Syslog     *syslog.Config `yaml:"syslog"`
}

type logConfig struct {
	Level  string `yaml:"level"`
	Format string `yaml:"format"`
}

func defaultConfig() *config {
	return &config{
		Webhook:   webhook.DefaultConfig(),
		Eventsd:   eventsd.DefaultConfig(),
		StateDir:  "/var/lib/gluster-trapgw",
		Queue:     queue.DefaultConfig(),
		MIB:       mibConfig{OIDRoot: mibs.DefaultRoot},
		Alarms:    alarms.DefaultConfig(),
		Heartbeat: heartbeatConfig{Every: conffile.Duration(time.Minute), StartStop: true},
		Sources:   sourcesConfig{SilentAfter: conffile.Duration(time.Hour)},
		Admin:     admin.DefaultConfig(),
		Log:       logConfig{Level: "info", Format: "text"},
	}
}

// sampleConfig is the documented sample; a test loads it.
//
//go:embed sample-config.yaml
var sampleConfig []byte

var errNoConfig = errors.New("no configuration file: use --config FILE or GLUSTER_TRAPGW_CONFIG")

var configFlag = &cli.StringFlag{
	Name:    "config",
	Usage:   "read the configuration from `FILE`",
	EnvVars: []string{"GLUSTER_TRAPGW_CONFIG"},
}

// requireConfig loads the configuration of a command that cannot do without one.
func requireConfig(c *cli.Context) (*config, error) {
	if c.String("config") == "" {
		return nil, usageError{errNoConfig}
	}
	return loadConfig(c.String("config"))
}

// requireAddresses loads the configuration of a command that looks at the gateway and decides about no event: it works while
// the policy file has a mistake, which is when it is needed.
func requireAddresses(c *cli.Context) (*config, error) {
	if c.String("config") == "" {
		return nil, usageError{errNoConfig}
	}
	return readConfig(c.String("config"), func(*config) (*policy.Policy, error) { return policy.Default(), nil })
}

// loadConfig reads, checks and completes the configuration file; every mistake in it and in the policy file it
// names comes back at once. Without a file it is the defaults, which have no outputs.
func loadConfig(file string) (*config, error) { return readConfig(file, (*config).loadPolicy) }

func readConfig(file string, loadPolicy func(*config) (*policy.Policy, error)) (*config, error) {
	cfg := defaultConfig()
	cfg.file = file
	if file == "" {
		return cfg, cfg.complete(nil, loadPolicy)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	doc, err := conffile.Decode(file, data, cfg)
	if doc == nil {
		return nil, err // not even YAML
	}
	if err := cfg.complete(doc, loadPolicy); err != nil {
		return nil, err
	}
	return cfg, nil
}

// complete validates what was decoded and loads what it points to.
func (c *config) complete(doc *conffile.Doc, loadPolicy func(*config) (*policy.Policy, error)) error {
	err := c.validate()
	var perr error
	c.policy, perr = loadPolicy(c)
	// That the file cannot be read is a mistake of this file; those in it have their own places.
	if at := (*conffile.PathError)(nil); errors.As(perr, &at) {
		err, perr = errors.Join(err, at), nil
	}
	if doc != nil {
		err = doc.Locate(err)
	}
	return errors.Join(err, perr)
}

func (c *config) loadPolicy() (*policy.Policy, error) {
	if c.PolicyFile == "" {
		return policy.Default(), nil
	}
	data, err := os.ReadFile(c.policyPath())
	if err != nil {
		return nil, conffile.At("policy_file", "%w", err)
	}
	return loadPolicy(c.policyPath(), data, c.outputNames())
}

// loadPolicy reads a policy file with what is known of events; outputs is nil when they are not known.
func loadPolicy(file string, data []byte, outputs []string) (*policy.Policy, error) {
	cat, err := translate.LoadCatalogue()
	if err != nil {
		return nil, err
	}
	return policy.Load(file, data, outputs, policy.KnownEvents(cat.Names()), policy.KnownGroups(cat.Groups()))
}

// policyPath is the policy file; a relative name counts from the directory of the configuration file.
func (c *config) policyPath() string {
	if filepath.IsAbs(c.PolicyFile) || c.file == "" {
		return c.PolicyFile
	}
	return filepath.Join(filepath.Dir(c.file), c.PolicyFile)
}

func (c *config) outputNames() []string {
	names := make([]string, 0, len(c.Outputs))
	for _, o := range c.Outputs {
		names = append(names, o.Name)
	}
	return names
}

// bodiesHeld is how many of the largest bodies the log must have room for: what was just stored must not have to go.
const bodiesHeld = 8

func (c *config) validate() error {
	var errs []error
	add := func(path string, err error) { errs = append(errs, conffile.In(path, err)) }
	add("webhook", c.Webhook.Validate())
	add("eventsd", c.Eventsd.Validate())
	add("eventslog", c.Eventslog.Validate())
	add("queue", c.Queue.Validate())
	add("cluster", c.Cluster.Validate())
	add("alarms", c.Alarms.Validate())
	add("admin", c.Admin.Validate())
	for _, addr := range c.Webhook.Listen {
		if c.Admin.On() && listener.Overlap(addr, c.Admin.Listen) {
			add("admin", conffile.At("listen", "%q cannot be bound beside %q of webhook.listen: give each a port of its own", c.Admin.Listen, addr))
		}
	}
	add("dbus", c.DBus.Validate())
	add("heartbeat", c.Heartbeat.validate())
	add("sources", c.Sources.validate())
	if max := c.Queue.MaxBytes; max > 0 && max < bodiesHeld*c.Webhook.MaxBody {
		errs = append(errs, conffile.At("queue.max_bytes", "%v is too small for webhook.max_body %v: at least %v, or 0 for no bound",
			max, c.Webhook.MaxBody, bodiesHeld*c.Webhook.MaxBody))
	}
	if c.StateDir == "" {
		errs = append(errs, conffile.At("state_dir", "empty, expected a directory such as /var/lib/gluster-trapgw"))
	}
	m, err := mibs.Load(c.MIB.OIDRoot)
	if err != nil {
		errs = append(errs, conffile.At("mib.oid_root", "%w", err))
	}
	c.mib = m
	seen := map[string]int{}
	for i := range c.Outputs {
		o := &c.Outputs[i]
		path := fmt.Sprintf("outputs[%d]", i)
		add(path, o.validate())
		if first, ok := seen[o.Name]; ok && o.Name != "" {
			errs = append(errs, conffile.At(path+".name", "%q is the name of outputs[%d] already: give each its own", o.Name, first))
		}
		seen[o.Name] = i
	}
	errs = append(errs, c.Log.validate())
	return errors.Join(errs...)
}

func (o *outputConfig) validate() error {
	var errs []error
	if !validName(o.Name) {
		errs = append(errs, conffile.At("name", "%q is not a name: use 1 to 64 letters, digits, '-', '_' or '.'", o.Name))
	}
	switch {
	case o.SNMP != nil && o.Syslog != nil:
		errs = append(errs, conffile.At("syslog", "the output has snmp already: make one output of each"))
	case o.SNMP != nil:
		errs = append(errs, conffile.In("snmp", o.SNMP.Validate()))
	case o.Syslog != nil:
		errs = append(errs, conffile.In("syslog", o.Syslog.Validate()))
	default:
		errs = append(errs, conffile.At("name", "the output has no kind: add snmp: or syslog: with its target"))
	}
	return errors.Join(errs...)
}

func validName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
		default:
			return false
		}
	}
	return true
}

func (l logConfig) validate() error {
	var errs []error
	if _, err := l.level(); err != nil {
		errs = append(errs, err)
	}
	if l.Format != "text" && l.Format != "json" {
		errs = append(errs, conffile.At("log.format", "%q is not a format: one of text, json", l.Format))
	}
	return errors.Join(errs...)
}

func (l logConfig) level() (slog.Level, error) {
	switch l.Level {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, conffile.At("log.level", "%q is not a level: one of debug, info, warn, error", l.Level)
}

func configCommand() *cli.Command {
	return &cli.Command{
		Name:  "config",
		Usage: "check the configuration file, or print a sample or its JSON Schema",
		Subcommands: []*cli.Command{{
			Name:        "check",
			Usage:       "read the configuration and the policy it names, and report every mistake",
			Description: "Example:\n  gluster-trapgw config check --config /etc/gluster-trapgw/config.yaml",
			Flags:       []cli.Flag{configFlag},
			Before:      noArgs,
			Action: func(c *cli.Context) error {
				cfg, err := requireConfig(c)
				if err != nil {
					return err
				}
				for _, w := range cfg.warnings() {
					fmt.Fprintf(c.App.ErrWriter, "gluster-trapgw: warning: %s: %s\n", cfg.file, w)
				}
				_, err = fmt.Fprintf(c.App.Writer, "%s: ok, %d outputs\n", cfg.file, len(cfg.Outputs))
				return err
			},
		}, {
			Name:        "sample",
			Usage:       "print a documented configuration file to begin with",
			Description: "Example:\n  gluster-trapgw config sample > /etc/gluster-trapgw/config.yaml",
			Before:      noArgs,
			Action: func(c *cli.Context) error {
				_, err := c.App.Writer.Write(sampleConfig)
				return err
			},
		}, schemaCommand("config", "gluster-trapgw.schema.json", configSchema)},
	}
}

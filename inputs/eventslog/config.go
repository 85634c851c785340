package eventslog

import (
	"path/filepath"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
)

// Config is the eventslog part of the configuration.
type Config struct {
	Path string `yaml:"path"` // of events.log; empty turns the input off
}

// On reports whether the input is wanted.
func (c *Config) On() bool { return c.Path != "" }

// Validate reports every mistake. The file need not exist yet.
func (c *Config) Validate() error {
	if c.On() && !filepath.IsAbs(c.Path) {
		return conffile.At("path", "%q is not an absolute path, like /var/log/glusterfs/events.log", c.Path)
	}
	return nil
}

package eventsd

import (
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	lookEvery    = 10 * time.Second // for the identity of the node while there is none
	firstOpAfter = 30901            // cluster.op-version that 3.9.0 does not have
)

// node is the identity that events get. glusterd writes its file when it first starts, which can be after us.
type node struct {
	cfg    Config
	log    *slog.Logger
	id     string
	looked time.Time
}

func (n *node) get(now time.Time) string {
	if n.id != "" || !n.looked.IsZero() && now.Sub(n.looked) < lookEvery {
		return n.id
	}
	first := n.looked.IsZero()
	n.looked = now
	if n.cfg.NodeID != "" {
		n.id = n.cfg.NodeID
		return n.id
	}
	text, err := os.ReadFile(n.cfg.GlusterdInfo)
	id, op := readInfo(string(text))
	switch {
	case isNodeID(id):
		n.id = id
		if n.cfg.Release == "auto" && op > 0 && op < firstOpAfter {
			n.log.Warn("eventsd numbers events as GlusterFS 3.9.1 and later do: if this node runs 3.9.0, set eventsd.release", "operating_version", op)
		}
	case first:
		n.log.Warn("eventsd does not know this node: events go without its UUID until glusterd_info has it", "file", n.cfg.GlusterdInfo, "err", err)
	}
	return n.id
}

// readInfo returns what glusterd.info says of the node.
func readInfo(text string) (id string, op int) {
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch key {
		case "UUID":
			id = value
		case "operating-version":
			if n, err := strconv.Atoi(value); err == nil {
				op = n
			}
		}
	}
	return id, op
}

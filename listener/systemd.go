package listener

import (
	"fmt"
	"net"

	"github.com/coreos/go-systemd/v22/activation"
)

// Passed returns the listeners that systemd passed (sd_listen_fds(3)); none when it passed nothing. While the gateway
// restarts systemd holds them, and whoever connects waits.
func Passed() ([]net.Listener, error) {
	all, err := activation.Listeners()
	if err != nil {
		return nil, fmt.Errorf("take the sockets that systemd passes: %w", err)
	}
	for i, l := range all {
		if l == nil {
			return nil, fmt.Errorf("take the sockets that systemd passes: number %d is not a stream socket", i+1)
		}
	}
	return all, nil
}

package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"time"
)

const (
	reachTimeout = 5 * time.Second
	clockLimit   = 5 * time.Second
)

// reach posts what gluster-eventsapi webhook-test posts.
func (n *Node) reach(ctx context.Context, target, token string) []Finding {
	const check = "gateway"
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, http.NoBody)
	if err != nil {
		return []Finding{{check, Failure, "its URL is not one: " + err.Error(), "gluster-trapgw setup with the right one"}}
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	sent := n.Now()
	resp, err := client.Do(req)
	if err != nil {
		return []Finding{unreachable(err, req.URL.Port())}
	}
	defer resp.Body.Close()
	got := n.Now()
	switch code := resp.StatusCode; {
	case code == http.StatusOK:
	case code == http.StatusUnauthorized:
		return []Finding{{check, Failure, "it refuses the token (401)", "register the webhook with the token of webhook.token_file: gluster-eventsapi webhook-mod URL -t TOKEN"}}
	case code == http.StatusForbidden:
		return []Finding{{check, Failure, "it refuses this node's address (403)", "add the node's network to webhook.allow_from"}}
	case code == http.StatusNotFound:
		return []Finding{{check, Failure, "there is another path (404)", "register the URL with the path of webhook.path"}}
	case code >= 300 && code < 400:
		return []Finding{{check, Failure, fmt.Sprintf("something redirects (%d), and glustereventsd then sends no body", code), "register the URL that it points to"}}
	default:
		return []Finding{{check, Failure, fmt.Sprintf("it answers %d, and anything but 200 loses the event", code), "see the log of gluster-trapgw"}}
	}
	findings := []Finding{{Check: check, Status: OK, Text: target + " answers 200"}}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		findings = append(findings, clock(date, sent, got))
	}
	return findings
}

// clock compares the clocks: Date has whole seconds, and the answer came between two moments here.
func clock(date, sent, got time.Time) Finding {
	var off time.Duration
	switch {
	case date.Add(time.Second).Before(sent):
		off = sent.Sub(date)
	case date.After(got):
		off = date.Sub(got)
	}
	if off > clockLimit {
		return Finding{"clock", Warning, fmt.Sprintf("this node and the gateway are %s apart: the times of events will not agree", off.Round(time.Second)), "let both follow one NTP server"}
	}
	return Finding{Check: "clock", Status: OK, Text: "this node and the gateway agree"}
}

func unreachable(err error, port string) Finding {
	const check = "gateway"
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without the URL
	}
	switch {
	case errors.As(err, &dns):
		return Finding{check, Failure, "its name cannot be resolved: " + dns.Name, "register the URL with an address, or add the name to /etc/hosts on every node"}
	case errors.As(err, &cert):
		return Finding{check, Warning, "its certificate is not trusted here: glustereventsd then fetches it and trusts that, or checks nothing", "add the CA to this node's system certificates"}
	case errors.Is(err, syscall.ECONNREFUSED):
		return Finding{check, Failure, "the connection is refused", "start the gateway, and let webhook.listen have an address that the nodes reach, not 127.0.0.1"}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return Finding{check, Failure, "there is no answer", "open TCP port " + port + " in the firewall of the gateway: firewall-cmd --permanent --add-port=" + port + "/tcp && firewall-cmd --reload"}
	}
	return Finding{check, Failure, "it cannot be reached: " + err.Error(), "see the log of gluster-trapgw"}
}

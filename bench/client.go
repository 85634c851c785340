package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// eventBody is a body as glustereventsd posts it; i makes it unlike the others.
func eventBody(i int) []byte {
	return fmt.Appendf(nil, `{"event": "VOLUME_SET", "message": {"name": "rep3", "options": [["performance.read-ahead", "off"], ["user.%d", "on"]]}, "nodeid": "1a6111b8-4f13-4c02-9739-2c473e398b41", "ts": 1795388845}`, i)
}

// post sends n events over conns connections that stay open and returns events per second.
func post(addr string, conns, n int) (float64, error) {
	tr := &http.Transport{MaxIdleConns: conns, MaxIdleConnsPerHost: conns, DisableCompression: true}
	defer tr.CloseIdleConnections()
	var next atomic.Int64
	errs := make(chan error, conns)
	var wg sync.WaitGroup
	start := time.Now()
	for range conns {
		wg.Go(func() {
			for {
				i := int(next.Add(1))
				if i > n {
					return
				}
				if err := postOne(tr, addr, i); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(start)
	select {
	case err := <-errs:
		return 0, err
	default:
		return float64(n) / took.Seconds(), nil
	}
}

// postSerially sends n events one at a time, each over a connection of its own, as a Gluster node does.
func postSerially(addr string, n int) (float64, error) {
	tr := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	start := time.Now()
	for i := range n {
		if err := postOne(tr, addr, i); err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(start).Seconds(), nil
}

// postOne posts one event with the headers of glustereventsd (testdata/captures) and wants 200.
func postOne(tr *http.Transport, addr string, i int) error {
	req, err := http.NewRequest(http.MethodPost, "http://"+addr+"/listen", bytes.NewReader(eventBody(i)))
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "python-requests/2.28.1")
	req.Header.Set("Accept-Encoding", "gzip, deflate")
	req.Header.Set("Accept", "*/*")
	req.Header.Set("Content-Type", "application/json")
	if !tr.DisableKeepAlives {
		req.Header.Set("Connection", "keep-alive")
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusOK {
		err = errors.Join(err, fmt.Errorf("the server answered %s", resp.Status))
	}
	return errors.Join(err, resp.Body.Close())
}

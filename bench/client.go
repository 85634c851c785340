package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// eventBody is a body as glustereventsd posts it; i makes it unlike the others.
func eventBody(i int) []byte {
	return fmt.Appendf(nil, `{"event": "BRICK_DISCONNECTED", "message": {"brick": "/bricks/rep3/b%d", "peer": "gfs2", "volume": "rep3"}, "nodeid": "1a6111b8-4f13-4c02-9739-2c473e398b41", "ts": 1795388845}`, i)
}

// request is a POST with the headers that python-requests sends.
func request(body []byte) []byte {
	r := fmt.Appendf(nil, "POST /listen HTTP/1.1\r\nHost: 127.0.0.1:9000\r\nUser-Agent: python-requests/2.28.1\r\nAccept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", len(body))
	return append(r, body...)
}

// post sends n events over conns connections that stay open and returns events per second. The client is as lean
// as possible, because it shares the machine with the server.
func post(addr string, conns, n int) (float64, error) {
	var next atomic.Int64
	errs := make(chan error, conns)
	var wg sync.WaitGroup
	start := time.Now()
	for range conns {
		wg.Go(func() {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				errs <- err
				return
			}
			defer c.Close() //nolint:errcheck // nothing more to say
			rd := bufio.NewReaderSize(c, 1024)
			for {
				i := int(next.Add(1))
				if i > n {
					return
				}
				if _, err := c.Write(request(eventBody(i))); err != nil {
					errs <- err
					return
				}
				if err := readResponse(rd); err != nil {
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
	start := time.Now()
	for i := range n {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return 0, err
		}
		if _, err := c.Write(request(eventBody(i))); err != nil {
			return 0, err
		}
		err = readResponse(bufio.NewReaderSize(c, 1024))
		if err := c.Close(); err != nil {
			return 0, err
		}
		if err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(start).Seconds(), nil
}

// readResponse reads one response and fails when it is not 200.
func readResponse(rd *bufio.Reader) error {
	length := 0
	for first := true; ; first = false {
		line, err := rd.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
			return fmt.Errorf("the server answered %q", bytes.TrimSpace(line))
		}
		if len(line) <= 2 {
			break
		}
		if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(v))); err != nil {
				return err
			}
		}
	}
	_, err := io.CopyN(io.Discard, rd, int64(length))
	return err
}

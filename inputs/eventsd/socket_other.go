//go:build !linux

package eventsd

import "errors"

func prepare(uintptr) error { return errors.New("take events over UDP: only on Linux") }

func dropped([]byte) (uint32, bool) { return 0, false }

//go:build race

package queue

func init() { million = 50_000 } // the detector makes SQLite twenty times slower

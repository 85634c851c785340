// Package queue is the durable log between the inputs and the outputs: an input appends an event and answers only
// when it is on disk, and every output reads the log at its own pace with its own cursor. The package knows neither
// Gluster nor SNMP; a record is a small header and the bytes as they came. Queue is the interface, SQLite the
// implementation, queuetest the suite that any implementation passes. It never waits for a reader: what does not
// fit the bounds any more is given up, oldest first, and counted for each output that had not passed it. Age goes by the
// times of receipt, unless the time of day jumped: then what is there stays for another MaxAge.
//
// On disk, in one directory: queue.db is an SQLite database in WAL mode with synchronous=FULL, to be opened with
// sqlite3 at any time; queue.db-wal is its log, written ahead to its usual size and reused, so that a commit is one
// overwrite and one fsync, and left there empty when the queue closes, so that it opens on a full disk;
// queue.lock holds the pid of the process that writes. Tables: events (CRC32C over number, header and body), outputs (cursors), deliveries (run lengths of outcomes, as JSON), state (what an output
// remembers), meta, damaged and gaps. PRAGMA user_version is the schema version. A database that SQLite calls
// malformed is moved to queue.db.damaged and everything readable is copied into a new one.
//
// Appends, cursors, outcomes and state that wait at the same moment share one transaction. A cursor moves together
// with the state it belongs to, so a crash repeats exactly those notifications that were sent after the last Commit
// that returned: no more than two worker batches for each output. A repeated notification carries the same number.
package queue

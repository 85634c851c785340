// Package snmp sends notifications as SNMP traps and informs: v1, v2c and v3. An Output is one receiver.
//
// Packets are encoded with gosnmp, those of v2c by an encoder of our own that gives the same octets, and written with
// this package's own sockets, which is what makes a refusal by a closed port visible and several informs in flight
// possible. Which varbinds a notification has, in which order and
// how long they may be, comes from the MIB (package mibs); the values come from the Notification.
//
// The package never retries: the worker does. It never chooses what is sent: translate and policy do. The v3 engine of
// the gateway (Engines) is opened once by the cmd package, because its boots counter belongs to the process and not
// to an output.
//
// A Listener receives what is sent, for the listen and demo commands and for tests. It is no trap daemon.
package snmp

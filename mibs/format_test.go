package mibs

import "testing"

func TestFormatValue(t *testing.T) {
	m, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	oid := func(name string) string {
		o, ok := m.Object(name)
		if !ok {
			t.Fatalf("no object %s", name)
		}
		return o.OID
	}
	lost, _ := m.Event("QUORUM_LOST")
	date := []byte{0x07, 0xea, 11, 23, 9, 5, 0, 0, '+', 1, 30}
	for name, c := range map[string]struct {
		oid   string
		value any
		want  string
	}{
		"enumerated value":              {oid("gtgEvSeverity"), 3, "critical(3)"},
		"number without a label":        {oid("gtgEvSeverity"), 99, "99"},
		"truth value":                   {oid("gtgEvTruncated"), 1, "true(1)"},
		"unsigned":                      {oid("gtgEvSequence"), uint32(4294967295), "4294967295"},
		"gauge as uint":                 {oid("gtgGwQueueLength"), uint(7), "7"},
		"counter over int64":            {".1.3.6.1.2.1.31.1.1.1.6.1", uint64(1<<64 - 1), "18446744073709551615"},
		"date with offset":              {oid("gtgEvDateAndTime"), date, "2026-11-23 09:05:00.0 +01:30"},
		"date as string":                {oid("gtgEvDateAndTime"), string(date), "2026-11-23 09:05:00.0 +01:30"},
		"date without offset":           {oid("gtgEvDateAndTime"), date[:8], "2026-11-23 09:05:00.0"},
		"date cut short":                {oid("gtgEvDateAndTime"), date[:5], "07ea0b1709"},
		"date with month 13":            {oid("gtgEvDateAndTime"), []byte{7, 234, 13, 1, 0, 0, 0, 0}, "07ea0d0100000000"},
		"date with a wrong sign":        {oid("gtgEvDateAndTime"), []byte{7, 234, 1, 1, 0, 0, 0, 0, 'x', 0, 0}, "07ea010100000000780000"},
		"empty date":                    {oid("gtgEvDateAndTime"), []byte{}, ""},
		"text in UTF-8":                 {oid("gtgEvMessage"), []byte("Volume „größe“ ist weg"), "Volume „größe“ ist weg"},
		"terminal escape in text":       {oid("gtgEvMessage"), []byte("a\x1b[2Jb\n"), `a\x1b[2Jb\x0a`},
		"text that is no UTF-8":         {oid("gtgEvMessage"), []byte("a\xffb"), `a\xffb`},
		"right-to-left override":        {oid("gtgEvMessage"), "a\u202eb", `a\u202eb`},
		"text that looks like an OID":   {oid("gtgEvMessage"), lost.OID, lost.OID},
		"trap OID":                      {TrapOID, lost.OID, "glusterQuorumLost"},
		"trap OID without leading dot":  {TrapOID, lost.OID[1:], "glusterQuorumLost"},
		"trap OID of another module":    {TrapOID, ".1.3.6.1.6.3.1.1.5.1", ".1.3.6.1.6.3.1.1.5.1"},
		"uptime":                        {SysUpTime, uint32(9378405), "1d 02:03:04.05"},
		"address":                       {TrapAddress, "192.0.2.7", "192.0.2.7"},
		"number where text should be":   {oid("gtgEvMessage"), 5, "5"},
		"text where a number should be": {oid("gtgEvSeverity"), "critical", "critical"},
		"octets of an unknown varbind":  {".1.3.6.1.4.1.5.1.0", []byte{0, 'a'}, `\x00a`},
		"null":                          {oid("gtgEvMessage"), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := m.FormatValue(c.oid, c.value); got != c.want {
				t.Errorf("FormatValue(%s, %#v) = %q, want %q", c.oid, c.value, got, c.want)
			}
		})
	}
}

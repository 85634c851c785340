package snmp

import (
	"strings"
	"testing"
)

func TestCreateUserLines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		cfg  Config
		want []string
	}{
		{"trap", config("h:162", withUser(alice)),
			[]string{"createUser -e 0x8000000001 alice SHA-256 authpass12345 AES privpass12345", "authUser log,execute,net alice priv"}},
		{"inform", informer("h:162", withUser(alice)), []string{"createUser alice SHA-256 authpass12345 AES privpass12345"}},
		{"no authentication", config("h:162", withUser(User{Name: "bob"})), []string{"createUser -e 0x8000000001 bob", "authUser log,execute,net bob noauth"}},
		{"quoted", config("h:162", withUser(User{Name: "a b", Auth: "sha1", AuthKey: `pass "word" \x`})),
			[]string{`createUser -e 0x8000000001 "a b" SHA "pass \"word\" \\x"`, `authUser log,execute,net "a b" auth`, `auth-passphrase="pass &quot;word&quot; \x"`}},
		{"v2c", config("h:162"), []string{"authCommunity log,execute,net public"}},
	} {
		got, err := CreateUserLines(c.cfg, "0x8000000001")
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		for _, want := range c.want {
			if !strings.Contains("\n"+got, "\n"+want+"\n") && !(strings.Contains(want, "=") && strings.Contains(got, want)) {
				t.Errorf("%s: no line %q in\n%s", c.name, want, got)
			}
		}
	}
	if _, err := CreateUserLines(Config{}, ""); err == nil {
		t.Error("an invalid configuration gave lines")
	}
}

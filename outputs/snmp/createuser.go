package snmp

import (
	"fmt"
	"strings"
)

// CreateUserLines returns what the receiver of a v3 output needs in order to know its user: the exact lines for
// snmptrapd.conf, and the same for other receivers as comments. engineID is that of Engine.HexID and is used for traps
// only. The text holds the passphrases. For v1 and v2c it is the line that lets the community in.
func CreateUserLines(cfg Config, engineID string) (string, error) {
	if err := cfg.Validate(); err != nil {
		return "", err
	}
	if !cfg.v3() {
		community, _, err := secret("community", cfg.Community, cfg.CommunityFile)
		return fmt.Sprintf("authCommunity log,execute,net %s\n", quote(community)), err
	}
	s, err := cfg.security()
	if err != nil {
		return "", err
	}
	auth, withAuth := protocol(AuthProtocols, cfg.User.Auth)
	priv, withPriv := protocol(PrivProtocols, cfg.User.Priv)
	level := "noauth"
	var b strings.Builder
	fmt.Fprintf(&b, "# snmptrapd.conf, for the %ss of user %s; restart snmptrapd, it reads createUser at its start only\n", cfg.Kind, cfg.User.Name)
	b.WriteString("createUser ")
	if cfg.inform() {
		engineID = "" // a user without -e is one of snmptrapd's own engine, which is what informs use
	} else {
		fmt.Fprintf(&b, "-e %s ", engineID)
	}
	b.WriteString(quote(cfg.User.Name))
	if withAuth {
		level = "auth"
		fmt.Fprintf(&b, " %s %s", auth.Name, quote(s.authPass))
	}
	if withPriv {
		level = "priv"
		fmt.Fprintf(&b, " %s %s", priv.Name, quote(s.privPass))
	}
	fmt.Fprintf(&b, "\nauthUser log,execute,net %s %s\n", quote(cfg.User.Name), level)

	levels := map[string][2]string{"noauth": {"1", "noAuthNoPriv"}, "auth": {"2", "authNoPriv"}, "priv": {"3", "authPriv"}}[level]
	b.WriteString("\n# OpenNMS, trapd-configuration.xml:\n# <snmpv3-user")
	attr := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, " %s=\"%s\"", name, xmlText.Replace(value))
		}
	}
	attr("engine-id", engineID)
	attr("security-name", cfg.User.Name)
	attr("security-level", levels[0])
	attr("auth-protocol", auth.Name)
	attr("auth-passphrase", s.authPass)
	attr("privacy-protocol", strings.ReplaceAll(priv.Name, "-", ""))
	attr("privacy-passphrase", s.privPass)
	b.WriteString("/>\n\n# Telegraf, [[inputs.snmp_trap]]:\n")
	key := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "#   %s = %q\n", name, value)
		}
	}
	key("version", "3")
	key("sec_name", cfg.User.Name)
	key("sec_level", levels[1])
	key("auth_protocol", strings.ReplaceAll(auth.Name, "-", ""))
	key("auth_password", s.authPass)
	key("priv_protocol", strings.ReplaceAll(priv.Name, "-", ""))
	key("priv_password", s.privPass)
	return b.String(), nil
}

var xmlText = strings.NewReplacer("&", "&amp;", `"`, "&quot;", "<", "&lt;", ">", "&gt;", "--", "-&#45;")

// quote writes a word as net-snmp's configuration files take it.
func quote(s string) string {
	if s != "" && !strings.ContainsAny(s, " \t\"'\\#") {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

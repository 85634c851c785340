package integrations

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"regexp"
	"strings"
	"text/template"
)

// functions are what templates can call beside the built-in ones. Names of the site go through one of those that quote.
var functions = template.FuncMap{
	"yaml":    yamlText,
	"xml":     xmlText,
	"json":    jsonText,
	"regexp":  regexp.QuoteMeta,
	"comment": comment,
	"uuid":    uuid,
	"lower":   strings.ToLower,
	"title":   title,
	"join":    join,
	"list":    func(words ...string) []string { return words },
	"add":     func(a, b int) int { return a + b },
	"levels":  levels,
	"icinga":  icingaText,
	"snmptt":  snmptt,
	"opennms": opennms,
	"snake": func(s string) string {
		return strings.ReplaceAll(strings.ReplaceAll(s, "State", "_state"), "Key", "_key")
	},
}

// yamlText is a YAML string between single quotes, in which nothing but the quote itself is special.
func yamlText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// jsonText is a string between double quotes as JSON, rsyslog, syslog-ng, Icinga 2 and Alloy read it.
func jsonText(s string) (string, error) {
	b := &strings.Builder{}
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	err := e.Encode(s)
	return strings.TrimSpace(b.String()), err
}

// icingaText is a custom variable of Icinga 2, in which $ begins a macro.
func icingaText(s string) (string, error) { return jsonText(strings.ReplaceAll(s, "$", "$$")) }

func xmlText(s string) (string, error) {
	b := &strings.Builder{}
	err := xml.EscapeText(b, []byte(s))
	return b.String(), err
}

// comment is text that stays within the line of a comment and cannot close one, or within a directive of Nagios, where ;
// begins a comment and $ a macro.
func comment(s string) string {
	return strings.NewReplacer("\n", " ", "\r", " ", "--", "-", "*/", "*", ";", ",", "$", "", "{", "(", "}", ")").Replace(s)
}

// title is a group or class for a person: "snap_scheduler" is "snap scheduler".
func title(s string) string { return strings.ReplaceAll(s, "_", " ") }

// uuid is always the same for a name, in the form of a version 4 UUID without dashes, as Zabbix wants it.
func uuid(parts ...string) string {
	sum := sha256.Sum256([]byte("gluster-trapgw/" + strings.Join(parts, "/")))
	sum[6] = sum[6]&0x0f | 0x40
	sum[8] = sum[8]&0x3f | 0x80
	return hex.EncodeToString(sum[:16])
}

// join joins what each item is called: events of notifications, names of classes.
func join(items any, sep string) string {
	var words []string
	switch l := items.(type) {
	case []*notification:
		for _, n := range l {
			words = append(words, n.Event)
		}
	case []*class:
		for _, c := range l {
			words = append(words, c.Name)
		}
	case []string:
		words = l
	}
	return strings.Join(words, sep)
}

// level is a severity and what Zabbix calls it.
type level struct{ Names, Zabbix string }

// levels are the severities from high to low. Names is a regular expression for the words of the MIB.
func levels() []level {
	return []level{
		{"critical", "DISASTER"},
		{"major", "HIGH"},
		{"minor", "AVERAGE"},
		{"warning", "WARNING"},
		{"indeterminate|info", "INFO"},
	}
}

// snmptt is the severity as SNMPTT's own files spell it.
func snmptt(severity string) string {
	switch severity {
	case "cleared":
		return "Normal"
	case "indeterminate", "informational":
		return "Informational"
	default:
		return strings.ToUpper(severity[:1]) + severity[1:]
	}
}

// opennms is the severity as OpenNMS has it.
func opennms(severity string) string {
	switch severity {
	case "cleared", "informational":
		return "Normal"
	default:
		return strings.ToUpper(severity[:1]) + severity[1:]
	}
}

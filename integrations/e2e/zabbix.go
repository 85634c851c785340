package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// zabbixAPI speaks JSON-RPC with the frontend.
type zabbixAPI struct {
	url   string
	token string
	host  string // its id
}

func (z *zabbixAPI) call(method string, params, result any) error {
	request := map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
	if z.token != "" {
		request["auth"] = z.token
	}
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	resp, err := http.Post(z.url, "application/json-rpc", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	var answer struct {
		Result json.RawMessage
		Error  *struct{ Message, Data string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	if answer.Error != nil {
		return fmt.Errorf("%s: %s %s", method, answer.Error.Message, answer.Error.Data)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(answer.Result, result)
}

// database makes a PostgreSQL server with Zabbix's tables.
func (l *lab) database() (port string, err error) {
	addr, err := freeAddr("tcp")
	if err != nil {
		return "", err
	}
	_, port, _ = net.SplitHostPort(addr)
	const bin = "/usr/lib/postgresql/15/bin/"
	if err := os.Mkdir(l.path("pg"), 0o700); err != nil {
		return "", err
	}
	if _, err := l.call("chown", "postgres:postgres", l.path("pg")); err != nil {
		return "", err
	}
	if _, err := l.call("runuser", "-u", "postgres", "--", bin+"initdb", "-D", l.path("pg/data"), "-A", "trust"); err != nil {
		return "", err
	}
	if _, err := l.start("postgres.log", "runuser", "-u", "postgres", "--", bin+"postgres", "-D", l.path("pg/data"), "-p", port, "-c", "listen_addresses=127.0.0.1", "-k", l.path("pg"), "-c", "fsync=off"); err != nil {
		return "", err
	}
	psql := func(user, db string, args ...string) error {
		_, err := l.call("psql", append([]string{"-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", port, "-U", user, "-d", db}, args...)...)
		return err
	}
	for range 100 {
		if err = psql("postgres", "postgres", "-c", "create user zabbix password 'z'", "-c", "create database zabbix owner zabbix"); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		return "", err
	}
	for _, f := range []string{"schema", "images", "data"} {
		sql := l.path(f + ".sql")
		if _, err := l.call("sh", "-c", "zcat /usr/share/zabbix-server-pgsql/"+f+".sql.gz > "+sql); err != nil {
			return "", err
		}
		if err := psql("zabbix", "zabbix", "-f", sql); err != nil {
			return "", err
		}
	}
	return port, nil
}

// frontend unpacks Zabbix's, which is never installed, and serves it with PHP's own server.
func (l *lab) frontend(port string) (*zabbixAPI, error) {
	addr, err := freeAddr("tcp")
	if err != nil {
		return nil, err
	}
	if _, err := l.call("sh", "-c", "cd "+l.dir+" && apt-get download -qq -o APT::Sandbox::User=root zabbix-frontend-php && dpkg -x zabbix-frontend-php_*.deb php"); err != nil {
		return nil, err
	}
	root := l.path("php/usr/share/zabbix")
	if err := l.write("zabbix.conf.php", `<?php
global $DB, $HISTORY;
$DB = ['TYPE' => 'POSTGRESQL', 'SERVER' => '127.0.0.1', 'PORT' => '%s', 'DATABASE' => 'zabbix', 'USER' => 'zabbix', 'PASSWORD' => 'z',
  'SCHEMA' => '', 'ENCRYPTION' => false, 'KEY_FILE' => '', 'CERT_FILE' => '', 'CA_FILE' => '', 'VERIFY_HOST' => false, 'CIPHER_LIST' => '',
  'VAULT_URL' => '', 'VAULT_DB_PATH' => '', 'VAULT_TOKEN' => '', 'DOUBLE_IEEE754' => true];
$ZBX_SERVER = ''; $ZBX_SERVER_PORT = ''; $ZBX_SERVER_NAME = ''; $IMAGE_FORMAT_DEFAULT = IMAGE_FORMAT_PNG;
`, port); err != nil {
		return nil, err
	}
	// Debian's frontend knows one place for its configuration.
	class := filepath.Join(root, "include/classes/core/CConfigFile.php")
	text, err := os.ReadFile(class)
	if err != nil {
		return nil, err
	}
	changed := strings.Replace(string(text), "/etc/zabbix/zabbix.conf.php", l.path("zabbix.conf.php"), 1)
	changed = strings.Replace(changed, "const CONFIG_FILE_PATH = '/conf/zabbix.conf.php'", "const CONFIG_FILE_PATH = '"+l.path("zabbix.conf.php")+"'", 1)
	if err := os.WriteFile(class, []byte(changed), 0o644); err != nil {
		return nil, err
	}
	if _, err := l.start("php.log", "php", "-d", "post_max_size=16M", "-d", "memory_limit=512M", "-d", "max_execution_time=300", "-d", "max_input_time=300", "-S", addr, "-t", root); err != nil {
		return nil, err
	}
	z := &zabbixAPI{url: "http://" + addr + "/api_jsonrpc.php"}
	for range 100 {
		var version string
		if err = z.call("apiinfo.version", map[string]any{}, &version); err == nil {
			l.say("the API of Zabbix %s answers", version)
			return z, z.call("user.login", map[string]any{"username": "Admin", "password": "zabbix"}, &z.token)
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil, err
}

// problems are the open problems of the host: their severity, name and alarm_key.
func (z *zabbixAPI) problems() ([]string, error) {
	var all []struct {
		Severity, Name string
		Tags           []struct{ Tag, Value string }
	}
	err := z.call("problem.get", map[string]any{"hostids": []string{z.host}, "output": []string{"severity", "name"}, "selectTags": "extend", "sortfield": []string{"eventid"}}, &all)
	if err != nil {
		return nil, err
	}
	names := []string{"not classified", "information", "warning", "average", "high", "disaster"}
	open := []string{}
	for _, p := range all {
		key := ""
		for _, t := range p.Tags {
			if t.Tag == "alarm_key" {
				key = " [" + t.Value + "]"
			}
		}
		open = append(open, names[p.Severity[0]-'0']+": "+p.Name+key)
	}
	return open, nil
}

// expect waits until exactly these problems are open; each is given by a part of it.
func (z *zabbixAPI) expect(l *lab, what string, limit time.Duration, parts ...string) error {
	return l.wait(what, limit, func() (bool, string) {
		open, err := z.problems()
		if err != nil {
			return false, err.Error()
		}
		ok := len(open) == len(parts)
		for i := range parts {
			ok = ok && strings.Contains(open[i], parts[i])
		}
		return ok, fmt.Sprintf("%d open problems %q", len(open), open)
	})
}

func zabbix(l *lab) error {
	traps := l.path("run/traps.log")
	if err := os.Mkdir(l.path("run"), 0o755); err != nil {
		return err
	}
	if _, err := l.call("chown", "zabbix:zabbix", l.path("run")); err != nil {
		return err
	}
	addr, err := l.trapd(l.path("zabbix/gluster-zabbix-trap.pl") + " " + traps)
	if err != nil {
		return err
	}
	if err := l.config(addr); err != nil {
		return err
	}
	if err := l.export("zabbix"); err != nil {
		return err
	}
	port, err := l.database()
	if err != nil {
		return err
	}
	l.say("PostgreSQL has Zabbix's tables")
	z, err := l.frontend(port)
	if err != nil {
		return err
	}
	if err := z.setUp(l); err != nil {
		return err
	}
	listen, err := lowPort()
	if err != nil {
		return err
	}
	if err := l.write("zabbix_server.conf", `ListenIP=127.0.0.1
ListenPort=%d
LogFile=%[2]s/run/server.log
PidFile=%[2]s/run/server.pid
SocketDir=%[2]s/run
DBHost=127.0.0.1
DBPort=%[3]s
DBName=zabbix
DBUser=zabbix
DBPassword=z
StartSNMPTrapper=1
SNMPTrapperFile=%[4]s
StartPingers=0
CacheUpdateFrequency=5
`, listen, l.dir, port, traps); err != nil {
		return err
	}
	if _, err := l.start("server.out", "runuser", "-u", "zabbix", "--", "zabbix_server", "-f", "-c", l.path("zabbix_server.conf")); err != nil {
		return err
	}
	gateway, err := l.gateway()
	if err != nil {
		return err
	}
	if err := l.wait("heartbeats arrive as values of the item", 40*time.Second, func() (bool, string) {
		var items []struct{ Lastvalue string }
		err := z.call("item.get", map[string]any{"hostids": []string{z.host}, "search": map[string]string{"key_": "heartbeat"}, "output": []string{"lastvalue"}}, &items)
		if err != nil || len(items) != 1 {
			return false, fmt.Sprint(items, err)
		}
		return strings.Contains(items[0].Lastvalue, "event: gtgHeartbeat"), fmt.Sprintf("%.70q...", items[0].Lastvalue)
	}); err != nil {
		return err
	}
	if err := z.story(l); err != nil {
		return err
	}
	end(gateway)
	l.say("the gateway is stopped, its heartbeat every 2s is silent")
	return z.expect(l, "a problem opens", 90*time.Second, "high: GlusterFS gateway: no heartbeat for 6s")
}

// lowPort is a free port that zabbix_server takes: it refuses those above 32767.
func lowPort() (int, error) {
	for port := 11051; port < 11151; port++ {
		c, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, c.Close()
		}
	}
	return 0, errors.New("no port is free")
}

// setUp imports the template and makes the host that is the gateway.
func (z *zabbixAPI) setUp(l *lab) error {
	text, err := os.ReadFile(l.path("zabbix/gluster-zabbix.yaml"))
	if err != nil {
		return err
	}
	rule := map[string]bool{"createMissing": true, "updateExisting": true}
	rules := map[string]any{"groups": rule, "templates": rule, "items": rule, "triggers": rule}
	for range 2 { // the second time it must find its own UUIDs again
		if err := z.call("configuration.import", map[string]any{"format": "yaml", "rules": rules, "source": string(text)}, nil); err != nil {
			return err
		}
	}
	var templates []struct {
		TemplateID      string
		Items, Triggers string
	}
	if err := z.call("template.get", map[string]any{"filter": map[string]any{"host": []string{"GlusterFS by gluster-trapgw"}}, "selectItems": "count", "selectTriggers": "count"}, &templates); err != nil {
		return err
	}
	if len(templates) != 1 {
		return errors.New("the imported template is not there")
	}
	l.say("the template is imported twice: %s items, %s triggers", templates[0].Items, templates[0].Triggers)
	var groups struct{ GroupIDs []string }
	if err := z.call("hostgroup.create", map[string]any{"name": "Gluster"}, &groups); err != nil {
		return err
	}
	var hosts struct{ HostIDs []string }
	if err := z.call("host.create", map[string]any{"host": "gluster-prod",
		"interfaces": []any{map[string]any{"type": 2, "main": 1, "useip": 1, "ip": "127.0.0.1", "dns": "", "port": "161", "details": map[string]any{"version": 2, "community": "public"}}},
		"groups":     []any{map[string]any{"groupid": groups.GroupIDs[0]}},
		"templates":  []any{map[string]any{"templateid": templates[0].TemplateID}}}, &hosts); err != nil {
		return err
	}
	z.host = hosts.HostIDs[0]
	return nil
}

// story: two alarms of one trigger, each closed by its own clear.
func (z *zabbixAPI) story(l *lab) error {
	for _, step := range []struct {
		event, brick, what string
		open               []string
	}{
		{"BRICK_DISCONNECTED", "/bricks/b1", "a problem opens", []string{"disaster: Brick gfs2:/bricks/b1 of volume gv0 is down [brick/gfs2:/bricks/b1]"}},
		{"BRICK_DISCONNECTED", "/bricks/b2", "another opens", []string{"[brick/gfs2:/bricks/b1]", "[brick/gfs2:/bricks/b2]"}},
		{"BRICK_CONNECTED", "/bricks/b1", "its problem closes, the other stays", []string{"[brick/gfs2:/bricks/b2]"}},
		{"BRICK_CONNECTED", "/bricks/b2", "none is open", nil},
	} {
		if err := l.brick(step.event, step.brick); err != nil {
			return err
		}
		if err := z.expect(l, step.what, 60*time.Second, step.open...); err != nil {
			return err
		}
	}
	return nil
}

package admin

import (
	"io/fs"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// The page comes to everybody, with a policy under which nothing else can run in it, and is not sent twice.
func TestPage(t *testing.T) {
	s := start(t, Config{Listen: "127.0.0.1:0", Token: "geheim"})
	url := "http://" + s.Addr()
	_, index := send(t, "GET", url+"/", nil)
	paths := []string{"/"}
	for _, m := range regexp.MustCompile(`(?:href|src)="(page/[^"]+)"`).FindAllStringSubmatch(index, -1) {
		paths = append(paths, "/"+m[1])
	}
	if len(paths) != 3 {
		t.Fatalf("the page loads %v", paths)
	}
	for i := 0; i < len(paths); i++ {
		path := paths[i]
		resp, text := send(t, "GET", url+path, nil)
		h := resp.Header
		if resp.StatusCode != http.StatusOK || text == "" || h.Get("ETag") == "" || h.Get("Cache-Control") != "no-cache" ||
			h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: got %s %v", path, resp.Status, h)
		}
		csp := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self' data:",
			"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: the policy %q lacks %s", path, csp, want)
			}
		}
		if again, text := send(t, "GET", url+path, map[string]string{"If-None-Match": h.Get("ETag")}); again.StatusCode != http.StatusNotModified || text != "" {
			t.Errorf("%s: got %s when it is known already", path, again.Status)
		}
		if strings.HasSuffix(path, ".js") {
			if h.Get("Content-Type") != "text/javascript; charset=utf-8" {
				t.Errorf("%s: got %s", path, h.Get("Content-Type"))
			}
			for _, m := range regexp.MustCompile(`from '\./([a-z]+\.js)'`).FindAllStringSubmatch(text, -1) {
				if next := "/page/" + m[1]; !strings.Contains(strings.Join(paths, " ")+" ", next+" ") {
					paths = append(paths, next)
				}
			}
		}
	}
	files, err := fs.ReadDir(pageFiles, "page")
	if err != nil || len(files) != len(paths) {
		t.Errorf("the page uses %v of %v (%v)", paths, files, err)
	}
	// Beside the page everything is as it was.
	for path, want := range map[string]int{"/page/": 401, "/page/none.js": 401, "/nothing": 401, "/api/v1/queue": 401} {
		resp, _ := send(t, "GET", url+path, nil)
		if resp.StatusCode != want || !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"), "Basic ") {
			t.Errorf("%s: got %s %v", path, resp.Status, resp.Header)
		}
	}
	// A browser must not ask for a password in front of the page that asks for the token.
	resp, _ := send(t, "GET", url+"/api/v1/queue", map[string]string{"X-Trapgw": "1"})
	if a := resp.Header.Get("WWW-Authenticate"); a != `Bearer realm="gluster-trapgw"` {
		t.Errorf("the page is told to use %q", a)
	}
	if resp, _ := send(t, "POST", url+"/", map[string]string{"X-Trapgw": "1"}); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("got %s", resp.Status)
	}
}

// The page takes nothing from elsewhere and turns no text into markup.
func TestPageSources(t *testing.T) {
	files, err := fs.ReadDir(pageFiles, "page")
	if err != nil {
		t.Fatal(err)
	}
	bad := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|createContextualFragment|style="|\son[a-z]+="|localStorage|document\.cookie|@import|url\(`)
	for _, f := range files {
		data, err := pageFiles.ReadFile("page/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(data), "http://www.w3.org/2000/svg", "") // a name, not an address
		if found := bad.FindString(text); found != "" {
			t.Errorf("%s has %s", f.Name(), found)
		}
		if strings.Contains(text, "://") {
			t.Errorf("%s has an address of somewhere else", f.Name())
		}
	}
}

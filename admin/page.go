package admin

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"time"
)

// The status page: files of this program and nothing from elsewhere. It holds no data, so that it needs no token: what
// it shows it asks the API for, as any client.
//
//go:embed page
var pageFiles embed.FS

// pagePolicy lets the page load what lies beside it and talk to this gateway, and nothing else.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// pageTypes are said here because what the machine takes a suffix for may differ.
var pageTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
}

func (s *Server) page() error {
	files, err := fs.ReadDir(pageFiles, "page")
	if err != nil {
		return fmt.Errorf("read the status page: %w", err)
	}
	for _, f := range files {
		data, err := pageFiles.ReadFile("page/" + f.Name())
		if err != nil {
			return fmt.Errorf("read the status page: %w", err)
		}
		pattern := "GET /page/" + f.Name()
		if f.Name() == "index.html" {
			pattern = "GET /{$}"
		}
		s.open[pattern] = true
		s.mux.Handle(pattern, pageFile(f.Name(), data))
	}
	return nil
}

// pageFile serves a file. Browsers ask each time whether it is still the same: a new version of the gateway has a new page.
func pageFile(name string, data []byte) http.Handler {
	tag := fmt.Sprintf("%q", fmt.Sprintf("%x", sha256.Sum256(data))[:32])
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", pageTypes[path.Ext(name)])
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", tag)
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(data))
	})
}

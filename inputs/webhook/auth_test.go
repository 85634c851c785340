package webhook

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func TestCredentials(t *testing.T) {
	dir := t.TempDir()
	tokenFile := filepath.Join(dir, "token")
	if err := os.WriteFile(tokenFile, []byte("t0ken\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1795389266, 0)
	cfg := DefaultConfig()
	cfg.TokenFile, cfg.Secret = tokenFile, "s3cret"
	s := start(t, cfg, func() time.Time { return now })
	sign := func(secret string, method jwt.SigningMethod, claims jwt.MapClaims) string {
		var key any = []byte(secret)
		if method == jwt.SigningMethodNone {
			key = jwt.UnsafeAllowNoneSignatureType
		}
		text, err := jwt.NewWithClaims(method, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return "Bearer " + text
	}
	exp := now.Unix() + 60
	for _, tt := range []struct {
		name, auth string
		status     int
	}{
		{"none", "", 401},
		{"token", "Bearer t0ken", 200},
		{"lower-case scheme", "bearer t0ken", 200},
		{"wrong token", "Bearer t0keN", 401},
		{"basic", "Basic dDpr", 401},
		{"JWT", sign("s3cret", jwt.SigningMethodHS256, jwt.MapClaims{"exp": exp, "iat": 1, "iss": "gluster", "sub": "X"}), 200},
		{"JWT with iat in the future", sign("s3cret", jwt.SigningMethodHS256, jwt.MapClaims{"exp": exp, "iat": exp + 1e6}), 200},
		{"JWT with an absurd iat", sign("s3cret", jwt.SigningMethodHS256, jwt.MapClaims{"exp": exp, "iat": json.Number("99999999999999999999999")}), 200},
		{"JWT with iat as text", sign("s3cret", jwt.SigningMethodHS256, jwt.MapClaims{"exp": exp, "iat": "x", "aud": 7, "nbf": exp + 1e6}), 200},
		{"JWT of glusterd2", strings.Replace(sign("s3cret", jwt.SigningMethodHS256, jwt.MapClaims{"exp": now.Unix() + 10, "iat": now.Unix(), "sub": "volume.created"}), "Bearer", "bearer", 1), 200},
		{"JWT with exp as text", sign("s3cret", jwt.SigningMethodHS256, jwt.MapClaims{"exp": "never"}), 401},
		{"JWT with exp null", sign("s3cret", jwt.SigningMethodHS256, jwt.MapClaims{"exp": nil}), 401},
		{"scheme only", "Bearer", 401},
		{"empty token", "Bearer ", 401},
		{"the secret itself", "Bearer s3cret", 401},
		{"JWT within the leeway", sign("s3cret", jwt.SigningMethodHS256, jwt.MapClaims{"exp": now.Unix() - 30}), 200},
		{"JWT expired", sign("s3cret", jwt.SigningMethodHS256, jwt.MapClaims{"exp": now.Unix() - 90}), 401},
		{"JWT without exp", sign("s3cret", jwt.SigningMethodHS256, jwt.MapClaims{"iss": "gluster"}), 401},
		{"JWT with another secret", sign("other", jwt.SigningMethodHS256, jwt.MapClaims{"exp": exp}), 401},
		{"JWT with HS512", sign("s3cret", jwt.SigningMethodHS512, jwt.MapClaims{"exp": exp}), 401},
		{"JWT without signature", sign("", jwt.SigningMethodNone, jwt.MapClaims{"exp": exp}), 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, body := range []string{goodBody, ""} { // webhook-test is checked too
				status, text, header := s.do(t, "POST", s.url, tt.auth, strings.NewReader(body))
				if status != tt.status {
					t.Errorf("got %d %s, want %d", status, text, tt.status)
				}
				if status == 401 && header.Get("WWW-Authenticate") == "" {
					t.Error("401 without WWW-Authenticate")
				}
			}
		})
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(s.logs.String(), "refused a sender"); n != 1 {
		t.Errorf("%d log lines about one source within a minute, want 1:\n%s", n, s.logs)
	}
	for _, secret := range []string{"t0ke", "s3cret", "eyJ"} {
		if strings.Contains(s.logs.String(), secret) {
			t.Errorf("the log shows %q", secret)
		}
	}
}

package webhook

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
)

// expLeeway is how far a sender's clock may be behind ours before its tokens count as expired. glustereventsd gives a
// token 60 seconds to live.
const expLeeway = time.Minute

// authenticator checks the Authorization header. Without tokens and secrets it lets everybody in.
type authenticator struct {
	tokens  [][sha256.Size]byte // of the bearer tokens
	secrets [][]byte            // of HS256 tokens
	parser  *jwt.Parser
}

func newAuthenticator(tokens, secrets []conffile.Secret, now func() time.Time) *authenticator {
	a := &authenticator{}
	for _, token := range tokens {
		a.tokens = append(a.tokens, sha256.Sum256([]byte(token.Reveal())))
	}
	for _, secret := range secrets {
		a.secrets = append(a.secrets, []byte(secret.Reveal()))
	}
	if len(secrets) > 0 {
		a.parser = jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired(),
			jwt.WithLeeway(expLeeway), jwt.WithTimeFunc(now))
	}
	return a
}

func (a *authenticator) open() bool { return len(a.tokens) == 0 && len(a.secrets) == 0 }

var (
	errNoCredentials  = errors.New("no credentials")
	errBadCredentials = errors.New("wrong credentials")
	errExpired        = errors.New("token expired: compare the clocks")
)

// claims are those of a token that count: iat is the time of the event, which may be any, and glusterd2 sends no iss.
type claims struct {
	jwt.RegisteredClaims `json:"-"`
	Expires              *jwt.NumericDate `json:"exp"`
}

// GetExpirationTime is for the validator of the library.
func (c *claims) GetExpirationTime() (*jwt.NumericDate, error) { return c.Expires, nil }

// check returns nil, or why the credentials are refused; never the credentials themselves.
func (a *authenticator) check(header string) error {
	if a.open() {
		return nil
	}
	scheme, credentials, _ := strings.Cut(header, " ")
	credentials = strings.TrimLeft(credentials, " ")
	if !strings.EqualFold(scheme, "Bearer") { // glusterd2 writes it in lower case; RFC 9110 section 11.1
		return errNoCredentials
	}
	if len(a.tokens) > 0 {
		// Equal lengths for the comparison: it must not tell how long a token is, nor which one came close.
		sum, right := sha256.Sum256([]byte(credentials)), 0
		for i := range a.tokens {
			right |= subtle.ConstantTimeCompare(sum[:], a.tokens[i][:])
		}
		if right == 1 {
			return nil
		}
	}
	reason := errBadCredentials
	for _, secret := range a.secrets {
		_, err := a.parser.ParseWithClaims(credentials, &claims{}, func(*jwt.Token) (any, error) { return secret, nil })
		switch {
		case err == nil:
			return nil
		case errors.Is(err, jwt.ErrTokenExpired):
			reason = errExpired
		}
	}
	return reason
}

// credentials hands out the authenticator and reads the files of secrets again when they have changed. It looks when a
// request comes, at most once a second, so that it needs no goroutine. Files that cannot be read leave the old secrets in use.
type credentials struct {
	cfg     *Config
	log     *slog.Logger
	now     func() time.Time
	current atomic.Pointer[authenticator]
	looked  atomic.Int64 // in nanoseconds

	mu      sync.Mutex // guards what follows
	stamps  [2]fileStamp
	failing bool
}

type fileStamp struct {
	modified time.Time
	size     int64
}

func newCredentials(cfg *Config, log *slog.Logger, now func() time.Time) (*credentials, error) {
	c := &credentials{cfg: cfg, log: log, now: now, stamps: cfg.secretStamps()}
	c.looked.Store(now().UnixNano())
	a, err := c.read()
	c.current.Store(a)
	return c, err
}

func (c *credentials) read() (*authenticator, error) {
	tokens, err1 := c.cfg.tokens()
	secrets, err2 := c.cfg.secrets()
	return newAuthenticator(tokens, secrets, c.now), errors.Join(err1, err2)
}

// secretStamps of missing files are zero.
func (c *Config) secretStamps() (s [2]fileStamp) {
	for i, file := range []string{c.TokenFile, c.SecretFile} {
		if info, err := os.Stat(file); file != "" && err == nil {
			s[i] = fileStamp{info.ModTime(), info.Size()}
		}
	}
	return s
}

// auth returns the authenticator of now.
func (c *credentials) auth() *authenticator {
	if c.cfg.TokenFile == "" && c.cfg.SecretFile == "" {
		return c.current.Load()
	}
	now, looked := c.now().UnixNano(), c.looked.Load()
	if since := now - looked; since >= 0 && since < int64(time.Second) || !c.looked.CompareAndSwap(looked, now) {
		return c.current.Load()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	stamps := c.cfg.secretStamps() // before reading: a change in between is seen the next time
	if stamps == c.stamps {
		return c.current.Load()
	}
	fresh, err := c.read()
	if err != nil {
		if !c.failing {
			c.log.Error("changed secrets cannot be read: the old ones stay in use", "err", err)
		}
		c.failing = true
		return c.current.Load()
	}
	c.current.Store(fresh)
	c.stamps, c.failing = stamps, false
	c.log.Info("new secrets in use", "tokens", len(fresh.tokens), "secrets", len(fresh.secrets))
	return fresh
}

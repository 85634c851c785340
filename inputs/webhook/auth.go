package webhook

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
)

// expLeeway is how far a sender's clock may be behind ours before its tokens count as expired. glustereventsd gives a
// token 60 seconds to live.
const expLeeway = time.Minute

// authenticator checks the Authorization header. Without a token and a secret it lets everybody in.
type authenticator struct {
	token  *[sha256.Size]byte // of the bearer token; nil when there is none
	secret []byte             // of HS256 tokens; nil when there is none
	parser *jwt.Parser
}

func newAuthenticator(token, secret conffile.Secret, now func() time.Time) *authenticator {
	a := &authenticator{}
	if token != "" {
		sum := sha256.Sum256([]byte(token.Reveal()))
		a.token = &sum
	}
	if secret != "" {
		a.secret = []byte(secret.Reveal())
		a.parser = jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired(),
			jwt.WithLeeway(expLeeway), jwt.WithTimeFunc(now))
	}
	return a
}

func (a *authenticator) open() bool { return a.token == nil && a.secret == nil }

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
	if a.token != nil {
		// Equal lengths for the comparison: it must not tell how long the token is.
		sum := sha256.Sum256([]byte(credentials))
		if subtle.ConstantTimeCompare(sum[:], a.token[:]) == 1 {
			return nil
		}
	}
	if a.secret != nil {
		_, err := a.parser.ParseWithClaims(credentials, &claims{}, a.key)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, jwt.ErrTokenExpired):
			return errExpired
		}
	}
	return errBadCredentials
}

// key is for the parser of the library.
func (a *authenticator) key(*jwt.Token) (any, error) { return a.secret, nil }

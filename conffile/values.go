package conffile

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// PathError is a mistake at one key of a configuration file. Path is the YAML path from the value that is being
// validated: "snmp.target", "outputs[1].name". A caller that nests that value prefixes it with In.
type PathError struct {
	Path string
	Err  error
}

func (e *PathError) Error() string { return e.Path + ": " + e.Err.Error() }
func (e *PathError) Unwrap() error { return e.Err }

// At returns the mistake at path, worded with fmt.Errorf. The text says what is wrong and what would be right.
func At(path, format string, args ...any) error {
	return &PathError{Path: path, Err: fmt.Errorf(format, args...)}
}

// In prefixes the path of every PathError in err, which may be a tree made by errors.Join, with path.
func In(path string, err error) error {
	switch e := err.(type) {
	case nil:
		return nil
	case *PathError:
		if strings.HasPrefix(e.Path, "[") {
			return &PathError{Path: path + e.Path, Err: e.Err}
		}
		return &PathError{Path: path + "." + e.Path, Err: e.Err}
	case interface{ Unwrap() []error }:
		var all []error
		for _, sub := range e.Unwrap() {
			all = append(all, In(path, sub))
		}
		return errors.Join(all...)
	default:
		return &PathError{Path: path, Err: err}
	}
}

// Texts is a list of texts. A file may write a single one without the brackets.
type Texts []string

// Duration is a length of time as configuration files write it: 300ms, 30s, 5m, 2h, 7d.
type Duration time.Duration

// ParseDuration reads a Duration; a plain 0 needs no unit.
func ParseDuration(s string) (Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseFloat(days, 64); err == nil && n >= 0 && n < 36500 {
			return Duration(n * 24 * float64(time.Hour)), nil
		}
	} else if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return Duration(d), nil
	}
	return 0, fmt.Errorf("%q is not a duration: write it like 300ms, 30s, 5m, 2h or 7d", s)
}

// UnmarshalYAML reads the written form.
func (d *Duration) UnmarshalYAML(unmarshal func(any) error) (err error) {
	var s string
	if err := unmarshal(&s); err != nil {
		return err
	}
	*d, err = ParseDuration(s)
	return err
}

// String is the form that ParseDuration reads.
func (d Duration) String() string {
	t := time.Duration(d)
	if day := 24 * time.Hour; t >= day && t%day == 0 {
		return strconv.Itoa(int(t/day)) + "d"
	}
	return t.String()
}

// Size is a number of octets as configuration files write it: 512, 64KiB, 10MiB, 1GiB.
type Size int64

// ParseSize reads a Size.
func ParseSize(s string) (Size, error) {
	mult := int64(1)
	num := s
	for i, unit := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if n, ok := strings.CutSuffix(s, unit); ok {
			num, mult = strings.TrimSpace(n), 1<<(10*(i+1))
			break
		}
	}
	n, err := strconv.ParseInt(num, 10, 64)
	if err != nil || n < 0 || n > (1<<62)/mult {
		return 0, fmt.Errorf("%q is not a size: write it like 512, 64KiB, 10MiB or 1GiB", s)
	}
	return Size(n * mult), nil
}

// UnmarshalYAML reads the written form.
func (z *Size) UnmarshalYAML(unmarshal func(any) error) (err error) {
	var s string
	if err := unmarshal(&s); err != nil {
		return err
	}
	*z, err = ParseSize(s)
	return err
}

// String is the form that ParseSize reads.
func (z Size) String() string {
	for i := 4; i > 0; i-- {
		if u := int64(1) << (10 * i); int64(z) >= u && int64(z)%u == 0 {
			return strconv.FormatInt(int64(z)/u, 10) + []string{"KiB", "MiB", "GiB", "TiB"}[i-1]
		}
	}
	return strconv.FormatInt(int64(z), 10)
}

// Secret is a community, token or key. It never prints: every format verb and encoder shows <secret>.
type Secret string

// String hides the value.
func (Secret) String() string { return "<secret>" }

// GoString hides the value from %#v.
func (Secret) GoString() string { return "<secret>" }

// MarshalYAML hides the value from dumps.
func (Secret) MarshalYAML() (any, error) { return "<secret>", nil }

// MarshalText hides the value from JSON and logs.
func (Secret) MarshalText() ([]byte, error) { return []byte("<secret>"), nil }

// Reveal returns the value.
func (s Secret) Reveal() string { return string(s) }

// ReadSecret returns the first line of a file without surrounding white space. An empty file is an error.
func ReadSecret(file string) (Secret, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	if line = strings.TrimSpace(line); line == "" {
		return "", fmt.Errorf("%s: the first line is empty, expected the secret there", file)
	}
	return Secret(line), nil
}

// PickSecret returns a secret that is written inline or in a file.
func PickSecret(key string, inline Secret, file string) (Secret, error) {
	switch {
	case inline != "" && file != "":
		return "", At(key, "both %s and %s_file are set: use one", key, key)
	case file == "":
		return inline, nil
	}
	s, err := ReadSecret(file)
	if err != nil {
		return "", At(key+"_file", "%w", err)
	}
	return s, nil
}

// PickSecrets returns the secrets that are valid at once: the one written inline, or those in a file, one on each line, so
// that a new one can be added before an old one goes.
func PickSecrets(key string, inline Secret, file string) ([]Secret, error) {
	if file == "" || inline != "" {
		one, err := PickSecret(key, inline, file)
		if one == "" {
			return nil, err
		}
		return []Secret{one}, err
	}
	text, err := os.ReadFile(file) // once: it may change meanwhile
	if err != nil {
		return nil, At(key+"_file", "%w", err)
	}
	var all []Secret
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, Secret(line))
		}
	}
	if len(all) == 0 {
		return nil, At(key+"_file", "%s: empty, expected a secret on each line", file)
	}
	return all, nil
}

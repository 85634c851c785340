// Package conffile reads the project's YAML files the way an operator wants it: strictly, with every mistake of a
// file reported at once, each with file, line, key and what would be right. It holds the value types those files
// share: durations, sizes, secrets. The configuration (cmd) and the policy are its users; it knows neither.
package conffile

import "errors"

func join(errs []error) error { return errors.Join(errs...) }

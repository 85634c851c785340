// Package conffile reads the project's YAML files the way an operator wants it: strictly, with every mistake of a
// file reported at once, each with file, line, key and what would be right. It holds the value types those files
// share: durations, sizes, secrets, texts. The configuration (cmd) and the policy are its users; it knows neither.
//
// A caller fills a struct with the defaults, calls Decode, validates what it got, and returns what Locate makes of
// the mistakes. Validation writes paths (At, In), never lines: it works without a file too. With a Doc in hand
// that goes even after Decode found mistakes, so that one run shows both kinds.
package conffile

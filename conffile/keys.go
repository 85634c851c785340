package conffile

// Keys says what the keys of a struct mean, by their names in the file. A struct of a configuration has it as its method
// Keys; package schema makes the JSON Schema and the reference of it, and its test fails when a key is missing here.
type Keys map[string]Key

// Key is what an operator wants to know of a key. Type and default come from the field itself.
type Key struct {
	Text     string   // what it does, in one line without full stop at its end
	Unit     string   // of a number
	Example  string   // as it stands in a file
	Values   []string // all that it can be
	Known    []string // what editors offer; other values are fine too
	Pattern  string   // regular expression that a text must contain, in the part of the language that RE2 and ECMA share
	Required bool
	Reread   bool // it names a file whose changes count at once
}

package webhook

// scanner steps over JSON and says whether it is valid, as encoding/json does but in a third of its time and with
// maxDepth. After false it stands near the fault.
type scanner struct {
	b    []byte
	i    int
	deep bool // nested deeper than maxDepth
}

// special are the octets at which a text cannot simply go on: its end, an escape, the control characters.
var special = func() (t [256]bool) {
	for c := range ' ' {
		t[c] = true
	}
	t['"'], t['\\'] = true, true
	return t
}()

// peek returns the next octet, 0 at the end: no JSON token begins with that.
func (s *scanner) peek() byte {
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\r', '\n':
			s.i++
		default:
			return
		}
	}
}

// members steps over an object or a list whose opening bracket is next and whose closing one is end; member steps over
// each member, white space around it excepted.
func (s *scanner) members(end byte, member func() bool) bool {
	s.i++
	s.space()
	if s.peek() == end {
		s.i++
		return true
	}
	for {
		if !member() {
			return false
		}
		s.space()
		switch s.peek() {
		case ',':
			s.i++
			s.space()
		case end:
			s.i++
			return true
		default:
			return false
		}
	}
}

// key steps over a key, its colon and the white space after that, and returns the key in its quotes.
func (s *scanner) key() ([]byte, bool) {
	start := s.i
	if s.peek() != '"' || !s.text() {
		return nil, false
	}
	key := s.b[start:s.i]
	s.space()
	if s.peek() != ':' {
		return nil, false
	}
	s.i++
	s.space()
	return key, true
}

// value steps over a value, which would be the depth-th one of those that it is nested in.
func (s *scanner) value(depth int) bool {
	switch s.peek() {
	case '"':
		return s.text()
	case '{', '[':
		if depth > maxDepth {
			s.deep = true
			return false
		}
		if s.b[s.i] == '[' {
			return s.members(']', func() bool { return s.value(depth + 1) })
		}
		return s.members('}', func() bool {
			_, ok := s.key()
			return ok && s.value(depth+1)
		})
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	}
	return s.number()
}

func (s *scanner) word(w string) bool {
	if len(s.b)-s.i < len(w) || string(s.b[s.i:s.i+len(w)]) != w {
		return false
	}
	s.i += len(w)
	return true
}

// text steps over a text whose opening quote is next.
func (s *scanner) text() bool {
	b, i := s.b, s.i+1
	for {
		for i < len(b) && !special[b[i]] {
			i++
		}
		s.i = i
		if i >= len(b) {
			return false
		}
		switch b[i] {
		case '"':
			s.i++
			return true
		case '\\':
			if i++; i >= len(b) {
				return false
			}
			switch b[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
				i++
			case 'u':
				if len(b)-i < 5 || !isHex(b[i+1]) || !isHex(b[i+2]) || !isHex(b[i+3]) || !isHex(b[i+4]) {
					return false
				}
				i += 5
			default:
				return false
			}
		default:
			return false // a control character
		}
	}
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// number steps over a number: RFC 8259 section 6.
func (s *scanner) number() bool {
	if s.peek() == '-' {
		s.i++
	}
	if s.peek() == '0' {
		s.i++
	} else if !s.digits() {
		return false
	}
	if s.peek() == '.' {
		if s.i++; !s.digits() {
			return false
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.i++
		if c := s.peek(); c == '+' || c == '-' {
			s.i++
		}
		return s.digits()
	}
	return true
}

func (s *scanner) digits() bool {
	start := s.i
	for s.i < len(s.b) && '0' <= s.b[s.i] && s.b[s.i] <= '9' {
		s.i++
	}
	return s.i > start
}

package reply

import (
	"strings"
	"unicode"
)

// own cuts from a folded text what its writer did not write: reactions that quote a message, quoted lines, signatures,
// addresses. It reports whether the whole text is such a reaction ("Liked “…”").
func (s *Set) own(text string) (string, bool) {
	if s.reaction(text) {
		return "", true
	}
	if strings.ContainsAny(text, ">|\n") || strings.Contains(text, "--") {
		text = s.ownLines(text)
	}
	text = s.cutSignature(text)
	if strings.Contains(text, `"`) {
		text = s.dropQuotes(text)
	}
	if strings.ContainsAny(text, "./@") {
		text = dropAddresses(text)
	}
	return text, false
}

// reaction reports whether the words outside the quotation marks are those that a phone writes around a quoted message.
// The closing mark may be missing, since networks cut such texts.
func (s *Set) reaction(text string) bool {
	first := strings.IndexByte(text, '"')
	if first < 0 {
		return s.reactions[words(text)]
	}
	before, after := words(text[:first]), ""
	if last := strings.LastIndexByte(text, '"'); last > first {
		after = words(text[last+1:])
	} else if s.reactions[before] {
		return before != ""
	}
	outside := strings.TrimSpace(before + " " + after)
	return outside != "" && s.reactions[outside]
}

// words returns the letters and digits of a text as words with one space between, without anything else.
func words(text string) string {
	if len(text) > 120 {
		return ""
	}
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && r != '\''
	}), " ")
}

// ownLines drops lines that quote ("> …") and everything below a separator or "… wrote:", unless the text starts so.
func (s *Set) ownLines(text string) string {
	lines := strings.Split(text, "\n")
	kept := lines[:0]
	for i, line := range lines {
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, ">") || strings.HasPrefix(trimmed, "|") {
			continue
		}
		if i > 0 && (strings.HasPrefix(trimmed, "--") || strings.HasPrefix(trimmed, "__")) {
			break
		}
		if strings.HasSuffix(trimmed, ":") && s.endsWithAny(strings.TrimRight(trimmed, " :"), s.wrote) {
			if i == 0 {
				continue
			}
			break
		}
		kept = append(kept, line)
	}
	return strings.Join(kept, "\n")
}

func (s *Set) endsWithAny(line string, ends []string) bool {
	for _, e := range ends {
		if strings.HasSuffix(line, e) {
			return true
		}
	}
	return false
}

// cutSignature drops the rest of the line from "sent from my …" on.
func (s *Set) cutSignature(text string) string {
	for _, start := range s.signatures {
		if i := strings.Index(text, start); i >= 0 && (i == 0 || !isWordByte(text[i-1])) {
			rest := ""
			if j := strings.IndexByte(text[i:], '\n'); j >= 0 {
				rest = text[i+j:]
			}
			text = strings.TrimRight(text[:i], " -*") + rest
		}
	}
	return text
}

func isWordByte(c byte) bool { return c >= 0x80 || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }

// dropQuotes removes quoted passages that give an instruction, such as our own "Reply STOP to opt out", when the writer
// said something else beside them. Other quoted words stay: people quote the keyword that they were told to send.
func (s *Set) dropQuotes(text string) string {
	parts := strings.Split(text, `"`)
	outside := 0
	for i := 0; i < len(parts); i += 2 {
		outside += len(strings.Fields(words(parts[i])))
	}
	if outside == 0 {
		return text
	}
	for i := 1; i < len(parts); i += 2 {
		fields := strings.FieldsFunc(parts[i], func(r rune) bool { return !unicode.IsLetter(r) })
		if len(fields) < 3 {
			continue
		}
		for _, f := range fields {
			if s.instructs[f] {
				parts[i] = " "
				break
			}
		}
	}
	return strings.Join(parts, `"`)
}

// dropAddresses removes web and mail addresses, whose words mean nothing here.
func dropAddresses(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		fields := strings.Split(line, " ")
		for j, f := range fields {
			if isAddress(f) {
				fields[j] = ""
			}
		}
		lines[i] = strings.Join(fields, " ")
	}
	return strings.Join(lines, "\n")
}

func isAddress(f string) bool {
	if strings.Contains(f, "://") || strings.HasPrefix(f, "www.") {
		return true
	}
	if at := strings.IndexByte(f, '@'); at > 0 && strings.IndexByte(f[at:], '.') > 1 {
		return true
	}
	host, _, hasPath := strings.Cut(strings.TrimRight(f, ".,!?)"), "/")
	dot := strings.LastIndexByte(host, '.')
	if dot < 1 {
		return false
	}
	switch host[dot+1:] {
	case "com", "net", "org", "io", "app", "co", "biz", "info", "edu", "gov":
		return true
	}
	return hasPath && len(host)-dot > 2 && len(host)-dot < 5 && dot > 2
}

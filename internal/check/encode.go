package check

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// Citations tells what a rule is called and which text of law or contract it cites. Neither may be kept by the caller.
type Citations interface {
	Rule(RuleIndex) (id, citation string)
}

// Sources are citations that also tell where a rule comes from: the pack and its version, whether its text was read in
// its source, and what it asks in words.
type Sources interface {
	Citations
	Source(RuleIndex) (pack, version, statement string, verified bool)
}

// AppendJSON appends a verdict as the API writes it and returns the extended slice. Times are RFC 3339 in UTC; empty
// rule, citation, list and entry are left out. Without rules, cite may be nil. It allocates only if dst must grow.
func AppendJSON(dst []byte, v *Verdict, cite Citations) []byte {
	dst = append(dst, `{"verdict":"`...)
	dst = append(dst, v.Outcome.String()...)
	dst = append(dst, `","reasons":[`...)
	for i := range v.Reasons() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendReason(dst, &v.reasons[i], cite)
	}
	dst = append(dst, ']')
	if v.Omitted > 0 {
		dst = append(dst, `,"reasons_omitted":`...)
		dst = strconv.AppendInt(dst, int64(v.Omitted), 10)
	}
	dst = appendObligations(dst, v.Obligations(), cite)
	if v.ObligationsOmitted > 0 {
		dst = append(dst, `,"obligations_omitted":`...)
		dst = strconv.AppendInt(dst, int64(v.ObligationsOmitted), 10)
	}
	dst = appendPlace(dst, &v.Place)
	dst = append(dst, `,"record":`...)
	dst = appendRecord(dst, v)
	dst = append(dst, `,"next_allowed_at":`...)
	dst = appendTime(dst, v.NextAllowedAt)
	dst = append(dst, `,"changes_at":`...)
	dst = appendTime(dst, v.ChangesAt)
	dst = append(dst, `,"use_within_ms":`...)
	dst = strconv.AppendInt(dst, v.UseWithin.Milliseconds(), 10)
	dst = append(dst, `,"revision":`...)
	dst = strconv.AppendUint(dst, v.Revision, 10)
	dst = append(dst, `,"checked_at":`...)
	dst = appendTime(dst, v.CheckedAt)
	return append(dst, '}')
}

func appendReason(dst []byte, r *Reason, cite Citations) []byte {
	dst = append(dst, `{"code":"`...)
	dst = append(dst, r.Code.String()...)
	dst = append(dst, `","text":"`...)
	dst = append(dst, r.Code.Text()...)
	dst = append(dst, '"')
	if r.Rule != 0 && cite != nil {
		dst = appendRule(append(dst, ','), r.Rule, cite)
	}
	if r.List != nil {
		dst = append(dst, `,"list":`...)
		dst = appendString(dst, r.List.ID)
	}
	if r.Entry != 0 {
		dst = append(dst, `,"entry":`...)
		dst = strconv.AppendUint(dst, r.Entry, 10)
	}
	return append(dst, '}')
}

// appendRule appends the members rule, citation if there is one, and where the rule comes from if that is known.
func appendRule(dst []byte, r RuleIndex, cite Citations) []byte {
	id, citation := cite.Rule(r)
	dst = append(dst, `"rule":`...)
	dst = appendString(dst, id)
	if citation != "" {
		dst = append(dst, `,"citation":`...)
		dst = appendString(dst, citation)
	}
	if sources, ok := cite.(Sources); ok {
		return appendSource(dst, r, sources)
	}
	return dst
}

// appendSource appends what a rule asks and where it comes from. A rule that was not read in its source says so.
func appendSource(dst []byte, r RuleIndex, sources Sources) []byte {
	pack, version, statement, verified := sources.Source(r)
	dst = append(dst, `,"requires":`...)
	dst = appendString(dst, statement)
	dst = append(dst, `,"pack":`...)
	dst = appendString(dst, pack)
	if version != "" {
		dst = append(dst, `,"pack_version":`...)
		dst = appendString(dst, version)
	}
	dst = append(dst, `,"verified":`...)
	return strconv.AppendBool(dst, verified)
}

func appendObligations(dst []byte, rules []RuleIndex, cite Citations) []byte {
	if len(rules) == 0 || cite == nil {
		return dst
	}
	dst = append(dst, `,"obligations":[`...)
	for i, r := range rules {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendRule(append(dst, '{'), r, cite), '}')
	}
	return append(dst, ']')
}

func appendRecord(dst []byte, v *Verdict) []byte {
	if !v.Recorded {
		return append(dst, "null"...)
	}
	dst = append(dst, `{"status":"`...)
	dst = append(dst, v.Status.String()...)
	dst = append(dst, `","level":"`...)
	dst = append(dst, v.Record.Level.String()...)
	dst = append(dst, `","confirmed":`...)
	dst = strconv.AppendBool(dst, v.Record.Confirmed)
	dst = append(dst, `,"granted_at":`...)
	dst = appendTime(dst, v.Record.GrantedAt.Time())
	dst = append(dst, `,"valid_until":`...)
	dst = appendTime(dst, v.Record.ValidUntil.Time())
	dst = append(dst, `,"entry":`...)
	dst = strconv.AppendUint(dst, v.Record.Seq, 10)
	return append(dst, '}')
}

// appendTime appends a moment as a JSON string; the zero time, and one that RFC 3339 has no year for, as null.
func appendTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	if t.IsZero() || t.Year() < 0 || t.Year() > 9999 {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	dst = t.AppendFormat(dst, time.RFC3339Nano)
	return append(dst, '"')
}

// appendString appends a JSON string as encoding/json writes it when it leaves HTML alone.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i, size := 0, 0; i < len(s); i += size {
		var r rune
		r, size = utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r >= ' ' && r < utf8.RuneSelf:
			dst = append(dst, byte(r))
		case r == '\n':
			dst = append(dst, '\\', 'n')
		case r == '\r':
			dst = append(dst, '\\', 'r')
		case r == '\t':
			dst = append(dst, '\\', 't')
		case r == '\b':
			dst = append(dst, '\\', 'b')
		case r == '\f':
			dst = append(dst, '\\', 'f')
		case r < ' ' || r == '\u2028' || r == '\u2029' || (r == utf8.RuneError && size == 1):
			// Line separators end a statement in old JavaScript. Broken UTF-8 becomes the replacement character.
			dst = appendEscape(dst, r)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}

func appendEscape(dst []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}

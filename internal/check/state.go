package check

import (
	"math"
	"time"

	"github.com/consentline/consentline/internal/consent"
)

// Seconds is a moment in whole seconds since 1970, up to the year 2106; zero is no moment.
type Seconds uint32

// SecondsOf rounds t down to a whole second, so that what ends never ends late. The zero time is no moment; times out
// of range become the nearest moment within it.
func SecondsOf(t time.Time) Seconds {
	if t.IsZero() {
		return 0
	}
	return Seconds(min(max(t.Unix(), 1), math.MaxUint32))
}

// Time returns the moment in UTC; no moment is the zero time.
func (s Seconds) Time() time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(int64(s), 0).UTC()
}

// Flags are eight bits of a state that are no part of its status.
type Flags uint8

// The flags in use.
const (
	// FlagSuppressed says that the person was erased and that their number stays suppressed by its keyed hash.
	FlagSuppressed Flags = 1 << iota
	// FlagRestricted says that a no stands beneath a pending request: no exemption may excuse the missing yes.
	FlagRestricted
)

// MaxSeq is the highest place in the ledger that a state can name: 2^40-1.
const MaxSeq = 1<<40 - 1

// State is what the index keeps of a consent.Record: 16 bytes, and a slot more where a yes followed a no. The zero state is that of a record nobody acted in.
type State struct {
	Status    consent.Status
	Level     consent.Level
	Confirmed bool
	Flags     Flags

	GrantedAt  Seconds
	ValidUntil Seconds // rounded down; zero: until withdrawn

	// RestrictedAt and RestrictedBy tell of the latest no, also where a yes followed: some rules ask to leave the person
	// alone for a while even so.
	RestrictedAt Seconds
	RestrictedBy consent.Status

	// Seq is the entry that the status rests on.
	Seq uint64
}

// StateOf reduces a folded record to what a check needs. Times are rounded down to seconds.
func StateOf(r consent.Record) State {
	s := State{
		Status: r.Status, Level: r.Level, Confirmed: r.Confirmed,
		GrantedAt: SecondsOf(r.GrantedAt), ValidUntil: SecondsOf(r.ValidUntil),
		RestrictedAt: SecondsOf(r.RestrictedAt), RestrictedBy: r.RestrictedBy, Seq: r.Entry,
	}
	if r.Under.Restricted() {
		s.Flags |= FlagRestricted
	}
	return s
}

// At returns the status at the moment t: a granted state past its end is expired, with no entry to say so.
func (s State) At(t time.Time) consent.Status {
	if s.Status == consent.StatusGranted && s.ValidUntil != 0 && t.Unix() >= int64(s.ValidUntil) {
		return consent.StatusExpired
	}
	return s.Status
}

// The fourth word of a packed state, from its low end: 8 bits of seq, 8 of flags, 3 of status, 3 of level, 1 confirmed, 3
// of the latest no, and where its moment stands.
const (
	flagShift      = 8
	statusShift    = 16
	levelShift     = 19
	confirmedShift = 22
	latestNoShift  = 23
	threeBits      = 1<<3 - 1

	noInPlace = 1 << 26 // the first word is the moment of the latest no: there was no grant
	noBeside  = 1 << 27 // it stands in a slot of its own, since a grant followed it
)

// pack returns the words of the state's slot and, if the latest no needs a slot beside it, that no's moment.
func (s State) pack() (words [4]uint32, beside Seconds) {
	first := s.GrantedAt
	rest := uint32(s.Seq>>32)&0xff | uint32(s.Flags)<<flagShift |
		uint32(s.Status)&threeBits<<statusShift | uint32(s.Level)&threeBits<<levelShift |
		uint32(s.RestrictedBy)&threeBits<<latestNoShift
	if s.Confirmed {
		rest |= 1 << confirmedShift
	}
	switch {
	case s.RestrictedAt == 0:
	case s.GrantedAt == 0:
		first, rest = s.RestrictedAt, rest|noInPlace
	default:
		beside, rest = s.RestrictedAt, rest|noBeside
	}
	return [4]uint32{uint32(first), uint32(s.ValidUntil), uint32(s.Seq), rest}, beside
}

// unpack takes back what pack returned. A no beside that is not there, since a writer is just about it, is taken to be
// as late as it can be: the moment of the grant.
func unpack(w [4]uint32, beside Seconds) State {
	s := State{
		Status:       consent.Status(w[3] >> statusShift & threeBits),
		Level:        consent.Level(w[3] >> levelShift & threeBits),
		Confirmed:    w[3]>>confirmedShift&1 == 1,
		Flags:        Flags(w[3] >> flagShift),
		GrantedAt:    Seconds(w[0]),
		ValidUntil:   Seconds(w[1]),
		RestrictedBy: consent.Status(w[3] >> latestNoShift & threeBits),
		Seq:          uint64(w[2]) | uint64(w[3]&0xff)<<32,
	}
	switch {
	case w[3]&noInPlace != 0:
		s.GrantedAt, s.RestrictedAt = 0, s.GrantedAt
	case w[3]&noBeside != 0 && beside == 0:
		s.RestrictedAt = s.GrantedAt
	case w[3]&noBeside != 0:
		s.RestrictedAt = beside
	}
	return s
}

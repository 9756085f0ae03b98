package verify

import "fmt"

// Problem is what is wrong at the place that a Fault names.
type Problem uint8

// The problems that an audit can find. A tile is traced when its hashes lead to the checkpoint's root.
const (
	// Altered: the entry's bytes are not those whose hash the checkpoint covers.
	Altered Problem = iota + 1
	// Malformed: the checkpoint covers these bytes, and they are no leaf.
	Malformed
	// Misnumbered: the checkpoint covers this leaf, and its seq is not its place in the log.
	Misnumbered
	// TileAltered: the entries lead to the checkpoint, and a hash tile over them does not.
	TileAltered
	// Replaced: entries and the hash tiles over them agree with each other, and not with the checkpoint.
	Replaced
	// Disagreeing: entries and hash tiles differ, and neither leads to the checkpoint.
	Disagreeing
	// Missing: the checkpoint covers entries or hashes that are not there.
	Missing
)

var problemTexts = map[Problem]string{
	Altered:     "is not what the checkpoint covers",
	Malformed:   "is no leaf of a known version",
	Misnumbered: "does not carry the number of its place",
	TileAltered: "is right, and the hash tile over it is not",
	Replaced:    "agrees with its hash tile, and not with the checkpoint",
	Disagreeing: "differs from its hash tile, and neither leads to the checkpoint",
	Missing:     "is missing",
}

// String says what is wrong, as the end of a sentence about an entry.
func (p Problem) String() string { return problemTexts[p] }

// Fault names the first entry that does not fit. Where hashes cannot tell entries apart, it names the range that holds it.
type Fault struct {
	Problem     Problem
	First, Last uint64 // seqs; the same where one entry is known to be at fault
	Path        string // the resource in which it shows
	Detail      error  // more, where there is more to say
}

func (f *Fault) Error() string {
	msg := fmt.Sprintf("entry %d %s (%s)", f.First, f.Problem, f.Path)
	if f.Last != f.First {
		msg = fmt.Sprintf("somewhere in entries %d to %d, the log %s (%s)", f.First, f.Last, f.Problem, f.Path)
	}
	if f.Detail != nil {
		msg += ": " + f.Detail.Error()
	}
	return msg
}

func (f *Fault) Unwrap() error { return f.Detail }

// Warning is what an audit finds odd and lets pass: time that stood in an entry before it was earlier than in this one's
// predecessor. Clocks are set back at times; the order of entries is their seq, which the audit does verify.
type Warning struct {
	Seq                  uint64
	RecordedAt, Previous int64 // Unix microseconds; RecordedAt is the smaller
}

// String describes the warning in one line.
func (w Warning) String() string {
	return fmt.Sprintf("entry %d was recorded %d µs before entry %d", w.Seq, w.Previous-w.RecordedAt, w.Seq-1)
}

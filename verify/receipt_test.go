package verify

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// statementBytes is what SigningBytes returns, for statements too that it refuses.
func statementBytes(t testing.TB, st Statement) []byte {
	t.Helper()
	raw, err := json.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	canonical, err := canonicalJSON(raw)
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte("consentline receipt v1\n"), canonical...)
}

// issue signs a statement as the log does.
func issue(t testing.TB, l *testLog, st Statement) Receipt {
	t.Helper()
	msg := statementBytes(t, st)
	label := fmt.Sprintf("%s+%08x", l.signer.Name(), l.signer.KeyHash())
	return Receipt{Statement: st, Signature: Signature{Key: label, Ed25519: ed25519.Sign(l.signer.priv, msg)}}
}

var (
	receiptSalt = Salt{9, 8, 7}
	receiptBody = []byte(`{"act":"granted"}`)
)

// receiptLog is a log of 13 whose entry 7 can be opened.
func receiptLog(t testing.TB) *testLog {
	leaves := newTestLog(t, 13).leaves
	leaves[6].Commitment = Commit(receiptSalt, receiptBody)
	return logOf(t, leaves)
}

func testStatement(l *testLog) Statement {
	later := testTime.Add(time.Hour)
	return Statement{
		Origin:    testOrigin,
		Question:  Question{Subject: "00112233445566778899aabbccddeeff", Brand: "acme", Purpose: "offers", Channel: "sms", Number: "+12025550123"},
		Verdict:   "defer",
		Reasons:   []Reason{{Code: "quiet_hours", Text: "Too early <there>", Rule: Rule{Rule: "us-tcpa-hours", Citation: "47 CFR 64.1200(c)(1)"}, Entry: 7}},
		CheckedAt: testTime, NextAllowedAt: &later, Revision: 13, UseWithinMS: 1000, Entry: NewEntryLeaf(l.leaves[6]),
	}
}

func opened(t testing.TB, l *testLog) Receipt {
	r := issue(t, l, testStatement(l))
	r.Proof = string(l.proof(t, 13, 7, receiptSalt[:]).Marshal())
	r.Opening = &Opening{Salt: receiptSalt[:], Body: receiptBody}
	return r
}

func closed(t testing.TB, l *testLog) Receipt {
	r := issue(t, l, testStatement(l))
	r.Proof = string(l.proof(t, 13, 7, nil).Marshal())
	return r
}

func resting(t testing.TB, l *testLog) Receipt {
	st := testStatement(l)
	st.Entry, st.Verdict, st.Reasons = nil, "deny", []Reason{{Code: "no_record"}}
	return issue(t, l, st)
}

func TestReceiptsVerify(t *testing.T) {
	l := receiptLog(t)
	for name, r := range map[string]Receipt{"opened": opened(t, l), "closed": closed(t, l), "resting on no entry": resting(t, l)} {
		for _, indent := range []string{"", "  "} {
			file, err := json.MarshalIndent(r, "", indent)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ParseReceipt(file)
			if err != nil || !reflect.DeepEqual(got, r) {
				t.Errorf("%s: reads as %+v, %v", name, got, err)
			}
			if err := VerifyReceipt(got, l.policy(t)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// Tools that sort members or write strings another way do not break a receipt.
func TestReceiptSurvivesReformatting(t *testing.T) {
	l := receiptLog(t)
	file, err := json.Marshal(opened(t, l))
	if err != nil {
		t.Fatal(err)
	}
	var loose map[string]any
	dec := json.NewDecoder(bytes.NewReader(file))
	dec.UseNumber()
	if err := dec.Decode(&loose); err != nil {
		t.Fatal(err)
	}
	sorted, err := json.MarshalIndent(loose, " ", "\t")
	if err != nil {
		t.Fatal(err)
	}
	sorted = bytes.ReplaceAll(sorted, []byte("acme"), []byte(`\u0061cme`))
	r, err := ParseReceipt(sorted)
	if err != nil {
		t.Fatal(err)
	}
	if err := VerifyReceipt(r, l.policy(t)); err != nil {
		t.Error(err)
	}
}

func TestSigningBytesAreStable(t *testing.T) {
	got, err := testStatement(receiptLog(t)).SigningBytes()
	want := "consentline receipt v1\n" +
		`{"checked_at":"2026-11-21T12:00:00.123456Z","entry":{"commitment":"i2+YvkxswSrawX6NsLqGai4Vag2non1aS04yav2lUFg=",` +
		`"kind":8,"recorded_at":"2026-11-18T11:06:40.007Z","seq":7},"next_allowed_at":"2026-11-21T13:00:00.123456Z",` +
		`"origin":"consentline.example/log","question":{"brand":"acme","channel":"sms","number":"+12025550123","purpose":"offers",` +
		`"subject":"00112233445566778899aabbccddeeff"},"reasons":[{"citation":"47 CFR 64.1200(c)(1)","code":"quiet_hours","entry":7,` +
		`"rule":"us-tcpa-hours","text":"Too early <there>"}],"revision":13,"use_within_ms":1000,"verdict":"defer"}`
	if err != nil || string(got) != want {
		t.Errorf("got\n%s, %v\nwant\n%s", got, err, want)
	}
}

func TestReceiptsThatDoNotHoldAreRefused(t *testing.T) {
	l := receiptLog(t)
	stranger := l.policy(t)
	elsewhere, err := NewPolicy("other.example/log", l.vkey)
	if err != nil {
		t.Fatal(err)
	}
	_, otherKey := signerOf(t, testOrigin, 'z')
	otherPolicy, err := NewPolicy(testOrigin, otherKey)
	if err != nil {
		t.Fatal(err)
	}
	w := newWitness("a.example", 1)
	witnessed, err := l.policy(t).WithWitnesses(1, w.vkey(t))
	if err != nil {
		t.Fatal(err)
	}
	resigned := func(change func(*Statement)) Receipt {
		st := testStatement(l)
		change(&st)
		r := issue(t, l, st)
		r.Proof = closed(t, l).Proof
		return r
	}
	with := func(r Receipt, change func(*Receipt)) Receipt { change(&r); return r }
	for name, tt := range map[string]struct {
		r      Receipt
		policy *Policy
		want   error
	}{
		"another log":           {closed(t, l), elsewhere, ErrOrigin},
		"another log, no entry": {resting(t, l), elsewhere, ErrOrigin},
		"another key":           {closed(t, l), otherPolicy, ErrReceiptKey},
		"no witness":            {closed(t, l), witnessed, ErrQuorum},
		"verdict changed":       {with(closed(t, l), func(r *Receipt) { r.Statement.Verdict = "allow" }), stranger, ErrReceiptSignature},
		"number added":          {with(closed(t, l), func(r *Receipt) { r.Statement.Question.Number = "+12025550124" }), stranger, ErrReceiptSignature},
		"signature cut":         {with(closed(t, l), func(r *Receipt) { r.Signature.Ed25519 = r.Signature.Ed25519[:63] }), stranger, ErrReceiptSignature},
		"no proof yet":          {with(closed(t, l), func(r *Receipt) { r.Proof = "" }), stranger, ErrReceiptProof},
		"proof of another":      {with(closed(t, l), func(r *Receipt) { r.Proof = string(l.proof(t, 13, 8, nil).Marshal()) }), stranger, ErrNotInLog},
		"proof malformed":       {with(closed(t, l), func(r *Receipt) { r.Proof = "x" }), stranger, ErrProofFormat},
		"salt without a body":   {with(opened(t, l), func(r *Receipt) { r.Opening = nil }), stranger, ErrReceiptFormat},
		"another salt in proof": {with(opened(t, l), func(r *Receipt) { r.Proof = string(l.proof(t, 13, 7, []byte{1}).Marshal()) }), stranger, ErrReceiptFormat},
		"another body":          {with(opened(t, l), func(r *Receipt) { r.Opening = &Opening{receiptSalt[:], []byte("{}")} }), stranger, ErrCommitment},
		"short salt":            {with(closed(t, l), func(r *Receipt) { r.Opening = &Opening{receiptSalt[:15], receiptBody} }), stranger, ErrReceiptFormat},
		"opening of no entry":   {with(resting(t, l), func(r *Receipt) { r.Opening = &Opening{receiptSalt[:], receiptBody} }), stranger, ErrReceiptFormat},
		"proof of no entry":     {with(resting(t, l), func(r *Receipt) { r.Proof = closed(t, l).Proof }), stranger, ErrReceiptFormat},
		"entry dropped":         {with(closed(t, l), func(r *Receipt) { r.Statement.Entry = nil }), stranger, ErrReceiptSignature},
		"signed, other leaf":    {resigned(func(s *Statement) { s.Entry = NewEntryLeaf(l.leaves[7]) }), stranger, ErrNotInLog},
		"signed, forged leaf":   {resigned(func(s *Statement) { s.Entry.Kind++ }), stranger, ErrNotInLog},
		"signed, no reason":     {resigned(func(s *Statement) { s.Reasons = nil }), stranger, ErrReceiptFormat},
		"signed, empty reason":  {resigned(func(s *Statement) { s.Reasons[0].Code = "" }), stranger, ErrReceiptFormat},
		"signed, no verdict":    {resigned(func(s *Statement) { s.Verdict = "" }), stranger, ErrReceiptFormat},
		"signed, before entry":  {resigned(func(s *Statement) { s.Revision = 6 }), stranger, ErrReceiptFormat},
		"signed, no time":       {resigned(func(s *Statement) { s.CheckedAt = time.Time{} }), stranger, ErrReceiptFormat},
		"signed, negative use":  {resigned(func(s *Statement) { s.UseWithinMS = -1 }), stranger, ErrReceiptFormat},
		"signed, seq 0":         {resigned(func(s *Statement) { s.Entry.Seq = 0 }), stranger, ErrReceiptFormat},
		"signed, nanoseconds":   {resigned(func(s *Statement) { s.Entry.RecordedAt = s.Entry.RecordedAt.Add(1) }), stranger, ErrReceiptFormat},
		"signed, short leaf":    {resigned(func(s *Statement) { s.Entry.Commitment = s.Entry.Commitment[:31] }), stranger, ErrReceiptFormat},
		"signed, long leaf":     {resigned(func(s *Statement) { s.Entry.Commitment = append(s.Entry.Commitment, 0) }), stranger, ErrReceiptFormat},
	} {
		if err := VerifyReceipt(tt.r, tt.policy); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
	}
}

// A signature under a checkpoint cannot stand under a receipt, nor the other way round.
func TestSignaturesDoNotCrossOver(t *testing.T) {
	l := receiptLog(t)
	msg, err := testStatement(l).SigningBytes()
	if err != nil {
		t.Fatal(err)
	}
	r := closed(t, l)
	r.Signature.Ed25519 = ed25519.Sign(l.signer.priv, bytes.TrimPrefix(msg, []byte("consentline receipt v1\n")))
	if err := VerifyReceipt(r, l.policy(t)); !errors.Is(err, ErrReceiptSignature) {
		t.Errorf("signed without the prefix: got %v", err)
	}
	if _, err := l.policy(t).OpenCheckpoint(l.sign(t, string(msg)+"\n")); !errors.Is(err, ErrCheckpoint) {
		t.Errorf("a receipt as a checkpoint: got %v", err)
	}
}

func TestReceiptFilesOfAnotherFormAreRefused(t *testing.T) {
	l := receiptLog(t)
	good, err := json.Marshal(closed(t, l))
	if err != nil {
		t.Fatal(err)
	}
	change := func(old, with string) string { return strings.Replace(string(good), old, with, 1) }
	for name, file := range map[string]string{
		"empty":            "",
		"no object":        "[]",
		"cut short":        string(good[:len(good)-1]),
		"more after it":    string(good) + "{}",
		"unknown member":   change(`{"statement"`, `{"note":1,"statement"`),
		"unknown, inside":  change(`"verdict"`, `"note":1,"verdict"`),
		"other case":       change(`"verdict"`, `"Verdict"`),
		"member twice":     change(`"verdict"`, `"verdict":"allow","verdict"`),
		"empty member":     change(`"proof"`, `"opening":null,"proof"`),
		"member missing":   change(`"use_within_ms":1000,`, ``),
		"fraction":         change(`"use_within_ms":1000`, `"use_within_ms":1000.0`),
		"number as a text": change(`"revision":13`, `"revision":"13"`),
		"too long":         strings.Repeat(" ", maxReceipt+1),
	} {
		if r, err := ParseReceipt([]byte(file)); !errors.Is(err, ErrReceiptFormat) {
			t.Errorf("%s: reads as %+v, %v", name, r, err)
		}
	}
}

func TestNoAlteredByteEscapesAReceipt(t *testing.T) {
	l := receiptLog(t)
	policy := l.policy(t)
	for name, r := range map[string]Receipt{"opened": opened(t, l), "closed": closed(t, l), "resting on no entry": resting(t, l)} {
		file, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		mutations(file, func(m []byte, at int) {
			got, err := ParseReceipt(m)
			if err != nil {
				return
			}
			if err := VerifyReceipt(got, policy); err == nil && !reflect.DeepEqual(got, r) {
				t.Errorf("%s: byte %d altered, %q: passes", name, at, m)
			}
		})
	}
}

// Whatever is accepted states what the log signed.
func FuzzParseReceipt(f *testing.F) {
	l := receiptLog(f)
	policy := l.policy(f)
	genuine := map[string]bool{}
	for _, r := range []Receipt{opened(f, l), closed(f, l), resting(f, l)} {
		file, err := json.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file)
		signed, err := r.Statement.SigningBytes()
		if err != nil {
			f.Fatal(err)
		}
		genuine[string(signed)] = true
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := ParseReceipt(file)
		if err != nil {
			if !errors.Is(err, ErrReceiptFormat) {
				t.Errorf("%q: error %v is no ErrReceiptFormat", file, err)
			}
			return
		}
		if err := VerifyReceipt(r, policy); err != nil {
			return
		}
		signed, err := r.Statement.SigningBytes()
		if err != nil || !genuine[string(signed)] {
			t.Errorf("%q: accepted, and never signed", file)
		}
		if r.Opening != nil && !bytes.Equal(r.Opening.Body, receiptBody) {
			t.Errorf("%q: accepted with a body that was never committed to", file)
		}
	})
}

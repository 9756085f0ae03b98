package check

// CheckRecord answers a question as Check does, but from a given record in the place of the one that the index holds:
// it is how questions about the past are answered, from a record that was folded from the ledger for them.
//
// The rules are those of the moment too, nil for none. Brands, purposes and suppression lists are as they are now, since
// lists keep no history of their members; the freshness of a list, hours and expiry are judged at the moment asked about.
func (x *Index) CheckRecord(q Question, s State, recorded bool, rules Rules) (v Verdict) {
	v.CheckedAt = x.clock()
	if q.At.IsZero() {
		q.At = v.CheckedAt
	}
	v.At = q.At
	var facts facts
	facts.term = x.lease.Term()
	v.Revision = x.applied.Load()
	if q.Number.WithoutExtension() == 0 {
		v.fail(Reason{Code: InvalidNumber})
		return v
	}
	if !recorded && x.erased != nil && x.erased(q.Number) {
		s.Flags |= FlagSuppressed
	}
	facts.found = x.scopes.Lookup(q.Brand, q.Purpose, q.Channel)
	x.lists.find(q.Number, q.Brand, &facts.lists)
	x.weigh(&q, &v, &facts, s, recorded, rules)
	x.conclude(&q, &v, &facts)
	return v
}

package check

// CaseOf returns what the rules judged when a question came to a verdict, so that they can tell it in full.
func (x *Index) CaseOf(q Question, v *Verdict) Case {
	q.At = v.At
	return Case{
		Question: q, Class: x.scopes.Lookup(q.Brand, q.Purpose, q.Channel).Class,
		Status: v.Status, Recorded: v.Recorded, Record: v.Record, Registries: x.lists,
	}
}

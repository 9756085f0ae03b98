// Package verify checks, with nothing of the ledger's own running, that what a consent ledger says is what it said
// before: that an entry is in the log, that the log only ever grew, that a receipt was issued and rests on such an entry.
//
// It follows RFC 6962 (hashing and proofs) and the C2SP specifications signed-note, tlog-checkpoint, tlog-tiles,
// tlog-proof and tlog-cosignature. It is pure: it keeps no state, reads no clock, and touches the file system or the
// network only through a Source that the caller hands over. What a caller must bring, and must not take from whoever is
// to be checked, is a Policy: the log's origin and public keys.
//
//	policy, err := verify.NewPolicy("consentline.example/log", verifierKey)
//	…
//	report, err := verify.Audit{Source: verify.Files{FS: os.DirFS(copy)}, Policy: policy}.Run(ctx) // a whole log
//	receipt, err := verify.ParseReceipt(file)
//	…
//	err = verify.VerifyReceipt(receipt, policy) // one answer, from its file alone
//
// What a verifier who keeps nothing cannot see is that the log shows others another history. An Audit with the Trusted tree
// of an earlier one sees that for itself; Policy.WithWitnesses asks witnesses who have.
package verify

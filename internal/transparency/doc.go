// Package transparency keeps the ledger's public log: a Merkle tree over the entries' leaves, with signed checkpoints.
//
// It follows the ledger and writes nothing else: hash tiles (RFC 6962 hashes, laid out as C2SP tlog-tiles), its cursor
// with the tree's frontier, and the checkpoints it signed. Tiles and frontier are functions of the leaves alone, saved with
// the cursor in one transaction, so a crash at any moment leaves a tree of some earlier size, from which the next run goes
// on; several nodes may run it at once, and only the first to save a step does. Dropping tiles and cursor costs a rebuild.
// Dropping checkpoints does not lose the log, but gives up what keeps it from contradicting what it signed before.
//
// Others may rely on this: a checkpoint is signed only if the stored tiles prove that it continues the last one, it is
// stored before anybody sees it, and everything that Resource and Prove answer fits a stored checkpoint.
package transparency

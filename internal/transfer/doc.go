// Package transfer reads and writes the files in which people keep consent: CSV in whatever shape a spreadsheet or an
// export left it, NDJSON, and the dialects of the systems that wrote them.
//
// It works on readers and writers alone: nothing here knows a number's validity, a ledger or a database. A row that
// cannot be read is an error of that row, never of the file, and no error text holds a cell's number. What a file does
// not say is not guessed: a status, a level or a date that is not understood rejects its row.
//
// What survives a crash is the Checkpoint, replaced whole by a rename; everything else is a pass over the input.
package transfer

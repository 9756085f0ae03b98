package powercut

import (
	"io"
	"maps"
	"path/filepath"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
)

// Open implements vfs.VFS. Temporary files are in memory, since no crash keeps them.
func (d *Disk) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	if name == "" {
		return &vfsutil.SliceFile{}, flags | vfs.OPEN_MEMORY, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.change(); err != nil {
		return nil, flags, sqlite3.CANTOPEN
	}
	f, there := d.files[name]
	if !there {
		if flags&vfs.OPEN_CREATE == 0 {
			return nil, flags, sqlite3.CANTOPEN
		}
		f = &inode{dirty: map[int64][][]byte{}}
		d.files[name] = f
	}
	const journals = vfs.OPEN_MAIN_JOURNAL | vfs.OPEN_SUPER_JOURNAL | vfs.OPEN_WAL
	shm := vfs.NewSharedMemory(filepath.Join(d.shm, d.name+"-shm"), flags)
	return &file{disk: d, inode: f, shm: shm, nameless: !there && flags&journals != 0}, flags, nil
}

// Delete implements vfs.VFS. Without a sync of the directory the name may come back.
func (d *Disk) Delete(name string, syncDir bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, there := d.files[name]; !there {
		return sqlite3.IOERR_DELETE_NOENT
	}
	if err := d.change(); err != nil {
		return sqlite3.IOERR_DELETE
	}
	delete(d.files, name)
	if syncDir {
		delete(d.kept, name)
	}
	return nil
}

// Access implements vfs.VFS.
func (d *Disk) Access(name string, _ vfs.AccessFlag) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return false, sqlite3.IOERR_ACCESS
	}
	_, there := d.files[name]
	return there, nil
}

// FullPathname implements vfs.VFS.
func (d *Disk) FullPathname(name string) (string, error) { return name, nil }

// file is an open file.
type file struct {
	disk  *Disk
	inode *inode
	level vfs.LockLevel
	shm   vfs.SharedMemory

	nameless bool // a new log or journal, whose first sync is one of the directory too
}

// SharedMemory implements vfs.FileSharedMemory.
func (f *file) SharedMemory() vfs.SharedMemory { return f.shm }

// Close gives up the locks.
func (f *file) Close() error {
	if f.shm != nil {
		_ = f.shm.Close() // closed already when the last user left
	}
	return f.Unlock(vfs.LOCK_NONE)
}

// ReadAt reads what programs see, synced or not.
func (f *file) ReadAt(b []byte, at int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.off {
		return 0, sqlite3.IOERR_READ
	}
	n := 0
	if at < int64(len(f.inode.live)) {
		n = copy(b, f.inode.live[at:])
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt writes; when it fails, some of it may be written.
func (f *file) WriteAt(b []byte, at int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	off := f.disk.off
	if err := f.disk.change(); err != nil {
		if !off {
			f.inode.writeSome(b, at, f.disk.rng)
		}
		return 0, sqlite3.IOERR_WRITE
	}
	f.inode.write(b, at)
	return len(b), nil
}

// Truncate implements vfs.File.
func (f *file) Truncate(size int64) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.change(); err != nil {
		return sqlite3.IOERR_TRUNCATE
	}
	f.inode.truncate(size)
	return nil
}

// Sync makes the file durable. With the first sync of a new log or journal go all names, as in SQLite's own code for
// Unix, which syncs the directory then; this is also what makes the end of the journal durable that made the database.
func (f *file) Sync(vfs.SyncFlag) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	off := f.disk.off
	if err := f.disk.change(); err != nil {
		if !off && !f.disk.off {
			f.inode.failSync(f.disk.rng)
		}
		return sqlite3.IOERR_FSYNC
	}
	f.inode.sync()
	if f.nameless {
		f.disk.kept, f.nameless = maps.Clone(f.disk.files), false
	}
	return nil
}

const databaseName = "ledger.db"

// writeAhead is the log that SQLite keeps beside the database, as whoever is not SQLite opens it.
type writeAhead struct{ *file }

// Sync makes the log durable.
func (w writeAhead) Sync() error { return w.file.Sync(vfs.SYNC_FULL) }

func (d *Disk) log() *writeAhead {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f, there := d.files[databaseName+"-wal"]; there {
		return &writeAhead{&file{disk: d, inode: f}}
	}
	return nil
}

// syncNames makes the directory durable.
func (d *Disk) syncNames() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.change(); err != nil {
		return sqlite3.IOERR_DIR_FSYNC
	}
	d.kept = maps.Clone(d.files)
	return nil
}

// Size implements vfs.File.
func (f *file) Size() (int64, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.off {
		return 0, sqlite3.IOERR_FSTAT
	}
	return int64(len(f.inode.live)), nil
}

// SectorSize is what the disk writes at once.
func (f *file) SectorSize() int { return sectorSize }

// DeviceCharacteristics promises what SQLite assumes of every disk: a write spoils no byte beside it.
func (f *file) DeviceCharacteristics() vfs.DeviceCharacteristic { return vfs.IOCAP_POWERSAFE_OVERWRITE }

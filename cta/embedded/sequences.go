package embedded

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// kfake stores the latest sequence numbers of idempotent producers only at a clean end.
// After a kill, it would append a resent batch, whose answer was lost, a second time. As
// in Kafka, the code here reads the sequence numbers from the logs.
//
// The files are those of kfake's data directory, format 1: seq_windows.json, and in
// partitions/<topic>-<partition> segments named <first offset>.dat, with record batches
// as on the wire.

// sequenceWindow holds the latest batches of a producer in a partition.
type sequenceWindow struct {
	PID     int64          `json:"pid"`
	Topic   string         `json:"topic"`
	Part    int32          `json:"partition"`
	Entries [5]sequenceRun `json:"entries"` // its last batches, a ring
	Count   uint8          `json:"count"`
	At      uint8          `json:"at"` // where the next one goes
	Epoch   int16          `json:"epoch"`
	Seen    bool           `json:"seen"`
	NextSeq int32          `json:"next_seq"`
}

type sequenceRun struct {
	FirstSeq int32 `json:"first_seq"`
	NextSeq  int32 `json:"next_seq"`
	Offset   int64 `json:"offset"`
}

type sequenceFile struct {
	Version int               `json:"version"`
	Windows []*sequenceWindow `json:"windows"`
}

func sequencesPath(dir string) string { return filepath.Join(dir, "seq_windows.json") }

// readSequences reads what kfake wrote at its last clean end.
func readSequences(dir string) (f sequenceFile, err error) {
	path := sequencesPath(dir)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return sequenceFile{Version: 1}, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &f)
	}
	if err == nil && f.Version != 1 {
		err = fmt.Errorf("format %d, want 1", f.Version)
	}
	if err != nil {
		return f, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// replace replaces the windows of those producers in the partition of a directory.
func (f *sequenceFile) replace(dir string, found map[int64]*sequenceWindow) {
	i := strings.LastIndexByte(dir, '-')
	n, err := strconv.ParseInt(dir[i+1:], 10, 32)
	if i < 0 || err != nil {
		return
	}
	topic, err := url.PathUnescape(dir[:i])
	if err != nil {
		return
	}
	f.Windows = slices.DeleteFunc(f.Windows, func(w *sequenceWindow) bool {
		return w.Topic == topic && w.Part == int32(n) && found[w.PID] != nil
	})
	for _, w := range found {
		w.Topic, w.Part = topic, int32(n)
		f.Windows = append(f.Windows, w)
	}
}

// note adds a batch to its producer's window.
func note(found map[int64]*sequenceWindow, b batchHead) {
	if b.control || b.pid < 0 {
		return
	}
	w := found[b.pid]
	if w == nil || w.Epoch != b.epoch {
		w = &sequenceWindow{PID: b.pid, Epoch: b.epoch, Seen: true}
		found[b.pid] = w
	}
	w.NextSeq = int32((int64(b.firstSeq) + int64(b.records)) % math.MaxInt32) // as kfake counts
	w.Entries[w.At] = sequenceRun{b.firstSeq, w.NextSeq, b.offset}
	w.At = (w.At + 1) % uint8(len(w.Entries))
	w.Count = min(w.Count+1, uint8(len(w.Entries)))
}

// batchHead is the part of a record batch that is wanted here.
type batchHead struct {
	offset, pid            int64
	epoch                  int16
	firstSeq, records      int32 // of those that it was sent with: compaction may have dropped some
	leaderEpoch            int32
	control, transactional bool
}

// batchHeadSize is the size of a record batch of version 2 without its records.
const batchHeadSize = 61

// segments returns the first offsets of a partition's segments, in their order.
func segments(files []fs.DirEntry) (bases []int64) {
	for _, f := range files {
		if name, ok := strings.CutSuffix(f.Name(), ".dat"); ok {
			if base, err := strconv.ParseInt(name, 10, 64); err == nil {
				bases = append(bases, base)
			}
		}
	}
	slices.Sort(bases)
	return bases
}

// scanSegment calls handle for every whole batch, and returns where the last one
// ends. What follows was being written when the process was killed.
func scanSegment(f *os.File, handle func(batchHead)) (end int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	in := bufio.NewReaderSize(f, 256<<10)
	var head [batchHeadSize]byte
	for left := info.Size(); left >= batchHeadSize; {
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return end, err
		}
		size := 12 + int64(int32(binary.BigEndian.Uint32(head[8:])))
		if size < batchHeadSize || size > left {
			return end, nil
		}
		left -= size
		if _, err := in.Discard(int(size - batchHeadSize)); err != nil {
			return end, err
		}
		end += size
		const transactional, control = 0x10, 0x20
		attributes := binary.BigEndian.Uint16(head[21:])
		b := batchHead{
			offset:   int64(binary.BigEndian.Uint64(head[0:])),
			pid:      int64(binary.BigEndian.Uint64(head[43:])),
			epoch:    int16(binary.BigEndian.Uint16(head[51:])),
			firstSeq: int32(binary.BigEndian.Uint32(head[53:])),
			records:  int32(binary.BigEndian.Uint32(head[23:])) + 1,

			leaderEpoch:   int32(binary.BigEndian.Uint32(head[12:])),
			control:       attributes&control != 0,
			transactional: attributes&transactional != 0,
		}
		handle(b)
	}
	return end, nil
}

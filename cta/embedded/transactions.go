package embedded

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// kfake ends a transaction by several writes: a marker in each partition and its line in
// an index, the positions of groups, the producer's state. A process that is killed
// between two of them, or finds the disk full, would leave a part of a transaction. As
// Kafka's coordinator does, the broker first stores the decision to commit; the next
// start then does the rest. Other open transactions are aborted in the logs. kfake
// itself aborts them only in memory, and would assign their records to the producer's
// next transaction.
//
// The files are those of kfake's data directory, format 1: beside the segments an
// index named <first offset>.idx, of 15 bytes a batch; pids.log and groups.log of
// framed JSON.

type commitment struct {
	PID     int64  `json:"pid"`
	Epoch   int16  `json:"epoch"`
	Version int16  `json:"version"` // of the request
	TxID    string `json:"txid"`
	// LogSize is the size of pids.log before the commit. kfake writes there last, so
	// another size means that the commit was done.
	LogSize int64             `json:"log_size"`
	Offsets []committedOffset `json:"offsets"`
}

type committedOffset struct {
	Type       string  `json:"type"` // commit
	Group      string  `json:"g"`
	Topic      string  `json:"t"`
	Partition  int32   `json:"p"`
	Offset     int64   `json:"o"`
	Epoch      int32   `json:"e"`
	Metadata   *string `json:"m,omitempty"`
	LastCommit int64   `json:"lc"` // Unix milliseconds
}

// pidEntry is a line of pids.log.
type pidEntry struct {
	Type    string `json:"type"`
	PID     int64  `json:"pid"`
	Epoch   int16  `json:"epoch"`
	TxID    string `json:"txid,omitempty"`
	Timeout int32  `json:"timeout,omitempty"`
	Commit  *bool  `json:"commit,omitempty"`
}

// commitments writes down which transactions are to be committed.
type commitments struct {
	cluster *kfake.Cluster
	dir     string

	mu      sync.Mutex
	pending map[int64]map[int16][]committedOffset // by producer's id and epoch
	written int64                                 // producer's id in the file; -1 without one
}

func commitmentPath(dir string) string { return filepath.Join(dir, "commitment.json") }

// staged keeps the positions that a transaction is to commit.
func (c *commitments) staged(kreq kmsg.Request) kmsg.Response {
	req := kreq.(*kmsg.TxnOffsetCommitRequest)
	c.mu.Lock()
	defer c.mu.Unlock()
	for epoch := range c.pending[req.ProducerID] {
		if epoch > req.ProducerEpoch {
			return nil // kfake refuses it
		}
	}
	all := c.pending[req.ProducerID][req.ProducerEpoch]
	for _, t := range req.Topics {
		name := t.Topic
		if info := c.cluster.TopicIDInfo(t.TopicID); info != nil { // as later versions name it
			name = info.Topic
		}
		for _, p := range t.Partitions {
			all = append(all, committedOffset{Type: "commit", Group: req.Group, Topic: name, Partition: p.Partition,
				Offset: p.Offset, Epoch: p.LeaderEpoch, Metadata: p.Metadata, LastCommit: time.Now().UnixMilli()})
		}
	}
	c.pending[req.ProducerID] = map[int16][]committedOffset{req.ProducerEpoch: all} // earlier epochs are over
	return nil
}

// begins removes the stored decision on a producer's earlier, finished transaction.
// After a repeated end, it would apply to the next transaction.
func (c *commitments) begins(kreq kmsg.Request) error {
	var pid int64
	switch req := kreq.(type) {
	case *kmsg.AddPartitionsToTxnRequest:
		pid = req.ProducerID
	case *kmsg.AddOffsetsToTxnRequest:
		pid = req.ProducerID
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.written != pid {
		return nil
	}
	c.written = -1
	return os.Remove(commitmentPath(c.dir))
}

// ends writes down that a transaction is to be committed.
func (c *commitments) ends(kreq kmsg.Request) error {
	req := kreq.(*kmsg.EndTxnRequest)
	c.mu.Lock()
	defer c.mu.Unlock()
	offsets, open := c.pending[req.ProducerID][req.ProducerEpoch]
	if open {
		delete(c.pending, req.ProducerID)
	}
	if !req.Commit {
		return nil
	}
	m := commitment{PID: req.ProducerID, Epoch: req.ProducerEpoch, Version: req.Version, TxID: req.TransactionalID, Offsets: offsets}
	info, err := os.Stat(filepath.Join(c.dir, "pids.log"))
	if err != nil {
		return err
	}
	m.LogSize = info.Size()
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	c.written = req.ProducerID
	return replaceFile(commitmentPath(c.dir), raw)
}

// replaceFile writes a file as a whole or not at all.
func replaceFile(path string, data []byte) error {
	if err := os.WriteFile(path+".new", data, 0o640); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// setLogsAside renames the logs of producers and groups, with their sizes in their
// new names: a full disk has no room to write these down.
func setLogsAside(dir string) {
	for _, log := range []string{"pids.log", "groups.log"} {
		path := filepath.Join(dir, log)
		if info, err := os.Stat(path); err == nil {
			_ = os.Rename(path, fmt.Sprintf("%s.stopped-%d", path, info.Size())) // else it stays, with what kfake adds
		}
	}
}

// takeLogsBack undoes setLogsAside, and cuts off what was added since.
func takeLogsBack(dir string) error {
	for _, log := range []string{"pids.log", "groups.log"} {
		path := filepath.Join(dir, log)
		found, err := filepath.Glob(path + ".stopped-*")
		if err != nil {
			return err
		}
		for _, f := range found {
			size, err := strconv.ParseInt(strings.TrimPrefix(f, path+".stopped-"), 10, 64)
			if err == nil {
				err = os.Truncate(f, size)
			}
			if err == nil {
				err = os.Rename(f, path)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// restoreLogs makes the logs of a broker that isn't running whole again.
func restoreLogs(dir string) error {
	if err := takeLogsBack(dir); err != nil {
		return err
	}
	pids, size, err := readPIDs(filepath.Join(dir, "pids.log"))
	if err != nil {
		return err
	}
	if _, _, err := readFrames(filepath.Join(dir, "groups.log")); err != nil {
		return err
	}
	due, err := dueCommitment(dir, size, pids)
	if err != nil {
		return err
	}
	parts, err := os.ReadDir(filepath.Join(dir, "partitions"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a new directory
	}
	if err != nil {
		return err
	}
	sequences, err := readSequences(dir)
	if err != nil {
		return err
	}
	if due != nil {
		if err := appendFrames(filepath.Join(dir, "groups.log"), due.Offsets); err != nil {
			return err
		}
	}
	aborted := make(map[int64]int16)
	for _, d := range parts {
		found, err := restorePartition(filepath.Join(dir, "partitions", d.Name()), func(pid int64, epoch int16) bool {
			if due != nil && due.PID == pid && due.Epoch == epoch {
				return true
			}
			aborted[pid] = max(aborted[pid], epoch)
			return false
		})
		if err != nil {
			return err
		}
		sequences.replace(d.Name(), found)
	}
	var entries []pidEntry
	for pid, epoch := range aborted {
		if p, known := pids[pid]; known { // whoever goes on with the transaction is refused
			entries = append(entries, pidEntry{Type: "timeout", PID: pid, Epoch: max(p.Epoch, epoch) + 1})
		}
	}
	if due != nil {
		commit := true
		entries = append(entries, pidEntry{Type: "endtx", PID: due.PID, Epoch: due.Epoch, Commit: &commit})
		if due.Version >= 5 { // of which an end begins the next epoch
			entries = append(entries, pidEntry{Type: "init", PID: due.PID, Epoch: due.Epoch + 1, TxID: due.TxID,
				Timeout: pids[due.PID].Timeout, Commit: &commit})
		}
	}
	if err := appendFrames(filepath.Join(dir, "pids.log"), entries); err != nil {
		return err
	}
	if err := os.Remove(commitmentPath(dir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	raw, err := json.Marshal(sequences)
	if err != nil {
		return err
	}
	return replaceFile(sequencesPath(dir), raw)
}

// dueCommitment returns the commitment that isn't done, nil if there is none. It was written
// before kfake looked at the request: one of an earlier epoch was refused.
func dueCommitment(dir string, logSize int64, pids map[int64]pidEntry) (*commitment, error) {
	raw, err := os.ReadFile(commitmentPath(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var m commitment
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("%s: %w", commitmentPath(dir), err)
	}
	if p, known := pids[m.PID]; m.LogSize != logSize || !known || p.Epoch > m.Epoch {
		return nil, nil
	}
	return &m, nil
}

// restorePartition rewrites the index of a partition where it isn't that of its
// segments, and ends the transactions that are open in it. commit reports whether
// one is to be committed. It returns what the last two segments tell of producers: one
// that sent nothing since is waiting for no answer.
func restorePartition(dir string, commit func(pid int64, epoch int16) bool) (map[int64]*sequenceWindow, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	found := make(map[int64]*sequenceWindow)
	open := make(map[int64]int16)
	var next int64
	var leaderEpoch int32
	bases := segments(files)
	for i, base := range bases {
		f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("%d.dat", base)), os.O_RDWR|os.O_APPEND, 0)
		if err != nil {
			return nil, err
		}
		defer f.Close() // its errors are those of the writes
		var index []byte
		end, err := scanSegment(f, func(b batchHead) {
			index = appendIndex(index, b.leaderEpoch, b.transactional && !b.control)
			next, leaderEpoch = b.offset+int64(b.records), b.leaderEpoch
			if i >= len(bases)-2 {
				note(found, b)
			}
			if b.control {
				delete(open, b.pid)
			} else if b.transactional {
				open[b.pid] = b.epoch
			}
		})
		if err == nil {
			err = f.Truncate(end)
		}
		if err != nil {
			return nil, err
		}
		if i == len(bases)-1 && len(open) > 0 {
			for pid, epoch := range open {
				if _, err := f.Write(marker(pid, epoch, commit(pid, epoch), next, leaderEpoch)); err != nil {
					return nil, err
				}
				index = appendIndex(index, leaderEpoch, false)
				next++
			}
			if err := f.Sync(); err != nil {
				return nil, err
			}
		}
		path := filepath.Join(dir, fmt.Sprintf("%d.idx", base))
		if old, err := os.ReadFile(path); err != nil || !sameIndex(old, index) {
			if err := replaceFile(path, index); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// indexSize is that of a batch's line in an index.
const indexSize = 15

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendIndex adds the line of a batch. Its time is left out: kfake takes it from the segment.
func appendIndex(index []byte, epoch int32, inTransaction bool) []byte {
	var line [indexSize]byte
	line[0] = 1 // version
	binary.LittleEndian.PutUint32(line[2:], uint32(epoch))
	if inTransaction {
		line[14] = 1
	}
	line[1] = byte(crc32.Checksum(line[2:], castagnoli))
	return append(index, line[:]...)
}

// sameIndex compares all but the times, and the checksums over them.
func sameIndex(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i += indexSize {
		x, y := a[i:i+indexSize], b[i:i+indexSize]
		if x[0] != y[0] || x[1] != byte(crc32.Checksum(x[2:], castagnoli)) || !bytes.Equal(x[2:6], y[2:6]) || x[14] != y[14] {
			return false
		}
	}
	return true
}

// marker returns the batch that ends a transaction.
func marker(pid int64, epoch int16, commit bool, offset int64, leaderEpoch int32) []byte {
	key := kmsg.ControlRecordKey{Type: kmsg.ControlRecordKeyTypeAbort}
	if commit {
		key.Type = kmsg.ControlRecordKeyTypeCommit
	}
	end := kmsg.EndTxnMarker{}
	rec := kmsg.Record{Key: key.AppendTo(nil), Value: end.AppendTo(nil)}
	rec.Length = int32(len(rec.AppendTo(nil)) - 1) // a length of 0 took one byte
	now := time.Now().UnixMilli()
	return encodeBatch(kmsg.RecordBatch{
		FirstOffset: offset, PartitionLeaderEpoch: leaderEpoch, Magic: 2, Attributes: 0x30, FirstTimestamp: now, MaxTimestamp: now,
		ProducerID: pid, ProducerEpoch: epoch, FirstSequence: -1, NumRecords: 1, Records: rec.AppendTo(nil),
	})
}

// encodeBatch returns a batch with its length and checksum.
func encodeBatch(b kmsg.RecordBatch) []byte {
	b.Length = int32(len(b.AppendTo(nil)) - 12)                     // without offset and length
	b.CRC = int32(crc32.Checksum(b.AppendTo(nil)[21:], castagnoli)) // from the attributes on
	return b.AppendTo(nil)
}

// readPIDs returns the newest state of each producer, and the size of the file.
func readPIDs(path string) (map[int64]pidEntry, int64, error) {
	entries, size, err := readFrames(path)
	pids := make(map[int64]pidEntry)
	for _, data := range entries {
		var e pidEntry
		if json.Unmarshal(data, &e) != nil {
			continue // kfake leaves it out, too
		}
		if old, known := pids[e.PID]; known && e.Type != "init" {
			old.Epoch = e.Epoch
			e = old
		}
		pids[e.PID] = e
	}
	return pids, size, err
}

// frameHead is the size of length, checksum and version before each entry of a log.
const frameHead = 10

// readFrames returns the whole entries of a log, and its size. Then it cuts off what isn't
// whole at the end: kfake would write behind that, and not read what it wrote.
func readFrames(path string) (entries [][]byte, size int64, err error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	rest := raw
	for len(rest) >= frameHead {
		n := int(binary.LittleEndian.Uint32(rest))
		if n < 2 || n > len(rest)-8 || crc32.Checksum(rest[8:8+n], castagnoli) != binary.LittleEndian.Uint32(rest[4:]) {
			break
		}
		entries = append(entries, rest[frameHead:8+n])
		rest = rest[8+n:]
	}
	if len(rest) > 0 {
		err = os.Truncate(path, int64(len(raw)-len(rest)))
	}
	return entries, int64(len(raw)), err
}

func appendFrames[E any](path string, entries []E) error {
	if len(entries) == 0 {
		return nil
	}
	var all []byte
	for _, e := range entries {
		data, err := json.Marshal(e)
		if err != nil {
			return err
		}
		frame := make([]byte, frameHead, frameHead+len(data))
		binary.LittleEndian.PutUint32(frame, uint32(2+len(data)))
		binary.LittleEndian.PutUint16(frame[8:], 1)
		frame = append(frame, data...)
		binary.LittleEndian.PutUint32(frame[4:], crc32.Checksum(frame[8:], castagnoli))
		all = append(all, frame...)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	_, err = f.Write(all)
	return errors.Join(err, f.Close())
}

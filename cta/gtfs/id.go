package gtfs

import (
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-921eec07/ctalive/internal/sheet"
)

// assign maps each id to a number from 1 to 2147483647. The result doesn't depend on
// the order of the ids, and rarely on the other ids.
//
//   - An id that is such a number keeps it.
//   - Any other id is hashed into the upper half of the range.
//   - Of two that collide, the one that sorts first keeps the number. The other is
//     hashed again.
func assign(ids []string) map[string]int {
	sorted := slices.Compact(slices.Sorted(slices.Values(ids)))
	numbers := make(map[string]int, len(sorted))
	taken := make(map[int]bool, len(sorted))
	for _, id := range sorted {
		if n, ok := numeric(id); ok {
			numbers[id] = n
			taken[n] = true
		}
	}
	for _, id := range sorted {
		if _, ok := numbers[id]; ok {
			continue
		}
		n := hashed(id, 0)
		for salt := 1; taken[n]; salt++ {
			n = hashed(id, salt)
		}
		numbers[id] = n
		taken[n] = true
	}
	return numbers
}

func numeric(id string) (int, bool) {
	n, err := strconv.ParseInt(id, 10, 32)
	return int(n), err == nil && n > 0 && strconv.FormatInt(n, 10) == id
}

// hashed returns a number from 2^30 to 2^31-1, by FNV-1a.
func hashed(id string, salt int) int {
	h := fnv.New64a()
	h.Write([]byte(id))
	if salt > 0 {
		h.Write([]byte{0})
		h.Write(strconv.AppendInt(nil, int64(salt), 10))
	}
	sum := h.Sum64()
	return 1<<30 | int((sum^sum>>32)&(1<<30-1))
}

// lineIDs maps each route to an id that is legal in URLs and column names.
func lineIDs(routes []string) map[string]string {
	ids := make(map[string]string, len(routes))
	taken := make(map[string]bool, len(routes))
	for _, id := range routes {
		if lineID(id) {
			ids[id] = id
			taken[id] = true
		}
	}
	for _, id := range slices.Sorted(slices.Values(routes)) {
		if ids[id] != "" {
			continue
		}
		plain := strings.Trim(strings.Map(func(c rune) rune {
			if legal(c) {
				return c
			}
			return '-'
		}, id), "-_.")
		for salt := 0; ; salt++ {
			n := strings.Trim(sheet.Cut(plain, 20)+"-"+strconv.FormatInt(int64(hashed(id, salt))&0xFFFF, 16), "-")
			if !taken[n] && lineID(n) {
				ids[id] = n
				taken[n] = true
				break
			}
		}
	}
	return ids
}

func legal(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.'
}

func lineID(id string) bool {
	odd := func(c rune) bool { return !legal(c) }
	if id == "" || len(id) > 32 || strings.ContainsRune("-_.", rune(id[0])) || strings.ContainsFunc(id, odd) {
		return false
	}
	switch id {
	case "stop_id", "direction_id", "stop_name", "station_name", "station_descriptive_name", "station_id", "order", "note":
		return false
	}
	return true
}

package cli

import (
	"bufio"
	"bytes"
	"io/fs"
	"math"
	"path"
	"runtime/debug"
	"strconv"
	"strings"

	"go.uber.org/zap"
)

// Without a limit of its own the garbage collector lets the heap grow to twice what is in use, past
// what the unit or the container may have, and the kernel kills the process. With one it collects
// more often as the limit comes near. A library (github.com/KimMachineGun/automemlimit) does that
// too, but looks at the process's own control group alone: where a limit is set on one above, a
// slice or a pod, it finds none.

// limitShare is the part of a control group's memory that the Go runtime may use. The rest is for
// what the runtime does not count: pages of the state file, and the kernel's buffers of sockets.
const limitShare = 0.9

// memoryLimit is what the Go runtime keeps its memory within.
type memoryLimit struct {
	bytes int64  // math.MaxInt64: there is no limit
	from  string // what sets it; "": nothing does
}

// limitMemory has the Go runtime keep within the memory that the process's control group may use, as
// the file system at root tells. An operator's GOMEMLIMIT wins.
func limitMemory(root fs.FS, lookup func(string) (string, bool)) memoryLimit {
	if own, _ := lookup("GOMEMLIMIT"); own != "" {
		return memoryLimit{debug.SetMemoryLimit(-1), "GOMEMLIMIT"}
	}
	limit := cgroupLimit(root)
	if limit == math.MaxInt64 {
		return memoryLimit{limit, ""}
	}
	limit = int64(float64(limit) * limitShare)
	debug.SetMemoryLimit(limit)
	return memoryLimit{limit, "cgroup"}
}

// fields returns the log's fields of the limit; none where there is no limit.
func (m memoryLimit) fields() []zap.Field {
	if m.from == "" {
		return nil
	}
	return []zap.Field{zap.Int64("memory_limit_bytes", m.bytes), zap.String("memory_limit_from", m.from)}
}

// cgroupLimit returns the memory in bytes that the process's control group and all above it may use;
// [math.MaxInt64] if there is no limit, or none can be read. It knows both versions of control
// groups (https://docs.kernel.org/admin-guide/cgroup-v2.html, memory.max and memory.high;
// https://docs.kernel.org/admin-guide/cgroup-v1/memory.html).
func cgroupLimit(root fs.FS) int64 {
	limit := int64(math.MaxInt64)
	list, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return limit
	}
	for lines := bufio.NewScanner(bytes.NewReader(list)); lines.Scan(); {
		// hierarchy-ID:controllers:path
		parts := strings.SplitN(lines.Text(), ":", 3)
		if len(parts) < 3 {
			continue
		}
		switch controllers := "," + parts[1] + ","; {
		case parts[0] == "0" && parts[1] == "":
			limit = min(limit, limitAbove(root, "sys/fs/cgroup", parts[2], "memory.max", "memory.high"))
		case strings.Contains(controllers, ",memory,"):
			limit = min(limit, limitAbove(root, "sys/fs/cgroup/memory", parts[2], "memory.limit_in_bytes"))
		}
	}
	return limit
}

// limitAbove returns the least limit that the files of a group and of those above it give. In a
// container the group's own path may be the host's, where nothing is mounted; its mount has the limit
// then.
func limitAbove(root fs.FS, mount, group string, files ...string) int64 {
	// Version 1 says so where there is none: the greatest number that is a multiple of a page.
	const none = math.MaxInt64 / 2
	limit := int64(math.MaxInt64)
	for dir := path.Join("/", group); ; dir = path.Dir(dir) {
		for _, name := range files {
			text, err := fs.ReadFile(root, path.Join(mount, dir, name))
			if err != nil {
				continue
			}
			// "max" is no number, and no limit.
			if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 && n < none {
				limit = min(limit, n)
			}
		}
		if dir == "/" {
			return limit
		}
	}
}

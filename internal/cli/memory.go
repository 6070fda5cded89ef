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

// Without a limit, the garbage collector lets the heap grow to twice what is in use, past the limit
// of the unit or container, and the kernel kills the process. With a limit, it collects more often
// when the heap comes close. The library github.com/KimMachineGun/automemlimit does the same, but
// reads only the process's own control group, and misses limits of the groups above, a slice or a
// pod.

// limitShare is the share of a control group's memory that the Go runtime may use. The rest is for
// memory that the runtime does not count: pages of the state file and socket buffers.
const limitShare = 0.9

// memoryLimit is the memory limit of the Go runtime.
type memoryLimit struct {
	bytes int64  // math.MaxInt64: no limit
	from  string // GOMEMLIMIT or cgroup; "": no limit
}

// limitMemory sets the memory limit of the Go runtime from the process's control group, which it
// reads from the file system at root. GOMEMLIMIT takes precedence.
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

// fields returns the log fields of the limit; none without a limit.
func (m memoryLimit) fields() []zap.Field {
	if m.from == "" {
		return nil
	}
	return []zap.Field{zap.Int64("memory_limit_bytes", m.bytes), zap.String("memory_limit_from", m.from)}
}

// cgroupLimit returns the lowest memory limit, in bytes, of the process's control group and those
// above it; [math.MaxInt64] if there is none or it cannot be read. It supports both versions of
// control groups (https://docs.kernel.org/admin-guide/cgroup-v2.html, memory.max and memory.high;
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

// limitAbove returns the lowest limit in the files of a group and of those above it. In a
// container, the path of the group may be that of the host, which is not mounted; the limit is then
// at the root of the mount.
func limitAbove(root fs.FS, mount, group string, files ...string) int64 {
	// Without a limit, version 1 gives the greatest multiple of a page.
	const none = math.MaxInt64 / 2
	limit := int64(math.MaxInt64)
	for dir := path.Join("/", group); ; dir = path.Dir(dir) {
		for _, name := range files {
			text, err := fs.ReadFile(root, path.Join(mount, dir, name))
			if err != nil {
				continue
			}
			// "max" is not a number, and means no limit.
			if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 && n < none {
				limit = min(limit, n)
			}
		}
		if dir == "/" {
			return limit
		}
	}
}

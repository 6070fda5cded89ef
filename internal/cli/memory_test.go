package cli

import (
	"math"
	"runtime/debug"
	"testing"
	"testing/fstest"
)

func TestLimitMemory(t *testing.T) {
	const unit, pod = "sys/fs/cgroup/system.slice/rowtap.service", "kubepods/pod1"
	const none = math.MaxInt64
	tests := []struct {
		name  string
		files map[string]string
		own   string // GOMEMLIMIT
		want  int64  // limit of the runtime's memory in bytes
		from  string
	}{
		{"no control groups", nil, "", none, ""},
		{"no limit", map[string]string{"proc/self/cgroup": "0::/system.slice/rowtap.service\n", unit + "/memory.max": "max\n"}, "", none, ""},
		{"systemd, MemoryMax", map[string]string{"proc/self/cgroup": "0::/system.slice/rowtap.service\n", unit + "/memory.max": "1073741824\n", unit + "/memory.high": "max\n"}, "", 966367641, "cgroup"},
		{"systemd, MemoryHigh", map[string]string{"proc/self/cgroup": "0::/system.slice/rowtap.service\n", unit + "/memory.max": "1073741824\n", unit + "/memory.high": "1000\n"}, "", 900, "cgroup"},
		{"the slice has less", map[string]string{"proc/self/cgroup": "0::/system.slice/rowtap.service\n", unit + "/memory.max": "max\n", "sys/fs/cgroup/system.slice/memory.max": "2000\n"}, "", 1800, "cgroup"},
		{"a container", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "500\n"}, "", 450, "cgroup"},
		{"a container, version 1", map[string]string{
			"proc/self/cgroup": "7:cpu,cpuacct:/" + pod + "\n6:memory:/" + pod + "\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "500\n",
		}, "", 450, "cgroup"},
		{"version 1, no limit", map[string]string{
			"proc/self/cgroup": "6:memory:/" + pod + "\n", "sys/fs/cgroup/memory/" + pod + "/memory.limit_in_bytes": "9223372036854771712\n",
		}, "", none, ""},
		{"nonsense", map[string]string{"proc/self/cgroup": "x\n0::/\n", "sys/fs/cgroup/memory.max": "-1\n", "sys/fs/cgroup/memory.high": "\n"}, "", none, ""},
		{"an operator's own", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "500\n"}, "2GiB", 1234567890123, "GOMEMLIMIT"},
	}
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	for _, tt := range tests {
		debug.SetMemoryLimit(none)
		if tt.own != "" {
			debug.SetMemoryLimit(tt.want) // as the runtime does at its start
		}
		files := fstest.MapFS{}
		for name, text := range tt.files {
			files[name] = &fstest.MapFile{Data: []byte(text)}
		}
		got := limitMemory(files, func(name string) (string, bool) { return tt.own, name == "GOMEMLIMIT" && tt.own != "" })
		set := debug.SetMemoryLimit(none)
		if want := (memoryLimit{tt.want, tt.from}); got != want || set != tt.want {
			t.Errorf("%s: %+v, set %d; want %+v", tt.name, got, set, want)
		}
	}
}

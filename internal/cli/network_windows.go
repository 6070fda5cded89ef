package cli

import "syscall"

// The errors that Windows returns for a port in use and for a port on which nobody listens. They are
// not equal to the constants of package syscall with the names of other systems
// (https://learn.microsoft.com/en-us/windows/win32/winsock/windows-sockets-error-codes-2).
const (
	errAddressInUse = syscall.Errno(10048) // WSAEADDRINUSE
	errRefused      = syscall.Errno(10061) // WSAECONNREFUSED
)

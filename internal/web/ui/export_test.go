package ui

// For tests of the page behind the guard, which this package cannot import.
var SignPass = signPass

const (
	ForSession       = forSession
	RefreshEvery     = refreshEvery
	RendersPerSecond = rendersPerSecond
)
